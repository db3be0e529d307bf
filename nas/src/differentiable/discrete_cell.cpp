// SPDX-License-Identifier: Apache-2.0
#include "differentiable/discrete_cell.hpp"

#include <fmt/format.h>

#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/structure.hpp"

namespace bnas::nas {

DiscreteCell::DiscreteCell(Stream& stream, const std::string& name, const DartsCell& cell, const CellStyle& style,
                           const CellPlace& place, const RandomKey& key)
    : input0_(stream, name + ".input0", place.before_previous, place.channels, place.previous_reduced, style, true,
              key.derive(0)),
      input1_(stream, name + ".input1", place.previous, place.channels, false, style, true, key.derive(1)) {
  for (std::size_t node = 0; node < cell.size(); ++node) {
    for (const DartsEdge& edge : cell[node]) {
      const int stride = place.reduce && edge.source < kCellInputs ? 2 : 1;
      const std::uint64_t id = edge_from(static_cast<int>(node), edge.source);
      nodes_[node].push_back({edge.source, make_operation(stream, fmt::format("{}.edge{}.{}", name, id, edge.operation),
                                                          candidate(edge.operation), {place.channels, stride, false},
                                                          style, key.derive(2 + id))});
    }
  }
}

Var DiscreteCell::forward(Context& ctx, const Var& x0, const Var& x1, float drop_path) {
  std::vector<Source> values{Source(input0_.forward(ctx, x0)), Source(input1_.forward(ctx, x1))};
  std::vector<Var> outputs;
  for (const auto& node : nodes_) {
    std::vector<Var> terms;
    for (const Edge& edge : node) {
      const Var y = edge.operation->forward(ctx, values[static_cast<std::size_t>(edge.source)], {});
      terms.push_back(edge.operation->is_identity() ? y : ops::drop_samples(ctx, y, drop_path));
    }
    outputs.push_back(ops::sum(ctx, terms));
    values.emplace_back(outputs.back());
  }
  return ops::concat_channels(ctx, outputs);
}

void DiscreteCell::parameters(const Visit& visit) {
  input0_.parameters(visit);
  input1_.parameters(visit);
  for (const auto& node : nodes_) {
    for (const Edge& edge : node) {
      edge.operation->parameters(visit);
    }
  }
}

void DiscreteCell::buffers(const VisitBuffer& visit) {
  input0_.buffers(visit);
  input1_.buffers(visit);
  for (const auto& node : nodes_) {
    for (const Edge& edge : node) {
      edge.operation->buffers(visit);
    }
  }
}

void DiscreteCell::convolutions(const VisitConv& visit) {
  input0_.convolutions(visit);
  input1_.convolutions(visit);
  for (const auto& node : nodes_) {
    for (const Edge& edge : node) {
      edge.operation->convolutions(visit);
    }
  }
}

}  // namespace bnas::nas
