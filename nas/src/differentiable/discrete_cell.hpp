// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "bnas/nas/differentiable/darts_genotype.hpp"
#include "differentiable/supernet_cell.hpp"

namespace bnas::nas {

/// A cell of a genotype. Nodes add up their edges; the nodes side by side are the result.
class DiscreteCell {
 public:
  DiscreteCell(Stream& stream, const std::string& name, const DartsCell& cell, const CellStyle& style,
               const CellPlace& place, const RandomKey& key);
  Var forward(Context& ctx, const Var& x0, const Var& x1, float drop_path);
  void parameters(const Visit& visit);
  void buffers(const VisitBuffer& visit);
  void convolutions(const VisitConv& visit);

 private:
  struct Edge {
    int source;
    std::unique_ptr<EdgeOperation> operation;
  };
  Preprocess input0_, input1_;
  std::array<std::vector<Edge>, kCellNodes> nodes_;
};

}  // namespace bnas::nas
