// SPDX-License-Identifier: Apache-2.0
// Units: what one convolution of a candidate is, in the layer order of its set and precision. A unit is given its input
// both as it is (for the shortcut) and activated.
#pragma once

#include "differentiable/layers.hpp"

namespace bnas::nas {

struct UnitPlace {
  std::int64_t channels = 1;
  int stride = 1;
  bool affine = false;  ///< norms have gamma and beta
};

class ConvUnit {
 public:
  virtual ~ConvUnit() = default;
  /// The result times `gain` (C) where that is defined.
  virtual Var forward(Context& ctx, const Var& x, ReadImage& activated, const Var& gain) = 0;
  virtual void parameters(const Visit& visit) = 0;
  virtual void buffers(const VisitBuffer& visit) { (void)visit; }
  virtual void convolutions(const VisitConv& visit) = 0;
};

std::unique_ptr<ConvUnit> make_unit(Stream& stream, const std::string& name, const Candidate& candidate,
                                    const UnitPlace& place, const CellStyle& style, const RandomKey& key);

}  // namespace bnas::nas
