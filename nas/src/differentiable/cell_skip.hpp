// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "bnas/core/nn/conv2d.hpp"
#include "differentiable/supernet_cell.hpp"

namespace bnas::nas {

/// A real path around a cell (Kim et al. 2020): the previous cell's output itself where it has the size of the cell's
/// own, and through a norm and a 2x2 convolution of stride 2 around a reduction.
class CellSkip {
 public:
  /// Null where the style wants none, or where sizes differ without a reduction (the first cell).
  static std::unique_ptr<CellSkip> make(Stream& stream, const std::string& name, const CellPlace& place,
                                        const CellStyle& style, const RandomKey& key);
  Var forward(Context& ctx, const Var& previous);
  void parameters(const Visit& visit);
  void buffers(const VisitBuffer& visit);

 private:
  std::unique_ptr<Norm> norm_;  // null: the identity
  std::unique_ptr<nn::Conv2d> conv_;
};

}  // namespace bnas::nas
