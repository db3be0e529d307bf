// SPDX-License-Identifier: Apache-2.0
#include "differentiable/supernet_cell.hpp"

#include <fmt/format.h>

#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/structure.hpp"

namespace bnas::nas {

/// A value of the cell, cut into what operations read and what goes by them; the latter also at half size.
struct SupernetCell::Value {
  Source operated;
  Var passed, halved;

  Var by(Context& ctx, int stride) {
    if (stride == 1) {
      return passed;
    }
    if (!halved.value.defined()) {
      halved = ops::max_pool(ctx, passed, 2, ops::Geometry::explicit_pad(2, {0, 1}, {0, 1}));
    }
    return halved;
  }
};

SupernetCell::SupernetCell(Stream& stream, const std::string& name, const SupernetConfig& config,
                           const CellPlace& place, const RandomKey& key)
    : ratio_(config.channel_ratio),
      operated_(place.channels / config.channel_ratio),
      passed_(place.channels - operated_),
      reduce_(place.reduce),
      input0_(stream, name + ".input0", place.before_previous, place.channels, place.previous_reduced, config.style,
              false, key.derive(0)),
      input1_(stream, name + ".input1", place.previous, place.channels, false, config.style, false, key.derive(1)) {
  for (std::size_t source = 0; source < activations_.size(); ++source) {
    activations_[source] = std::make_unique<InputActivation>(stream, fmt::format("{}.source{}", name, source),
                                                             operated_, config.style, false);
  }
  const auto set = candidates(config.style.operations);
  const std::vector<std::int32_t> nodes = edge_nodes();
  for (int edge = 0; edge < kCellEdges; ++edge) {
    const int source = edge - first_edge(nodes[static_cast<std::size_t>(edge)]);
    const int stride = place.reduce && source < kCellInputs ? 2 : 1;
    for (std::size_t o = 0; o < set.size(); ++o) {
      const auto id = static_cast<std::uint64_t>(edge) * set.size() + o;
      operations_[static_cast<std::size_t>(edge)].push_back(
          make_operation(stream, fmt::format("{}.edge{}.{}", name, edge, set[o].name), set[o],
                         {operated_, stride, true}, config.style, key.derive(2 + id)));
    }
  }
}

/// Sum over edges of b p o(x) on the operated channels beside the sum of b x on the others, shuffled together: what
/// concatenating and shuffling every edge for itself gives, since both are linear and alike on all edges.
Var SupernetCell::node(Context& ctx, int node, std::vector<Value>& values, const Var& weights,
                       const std::array<std::vector<int>, kCellEdges>& alive) {
  const std::int64_t columns = weights.shape().channels();
  std::vector<Var> operated, passed;
  for (int source = 0; source < edges_of(node); ++source) {
    const int edge = first_edge(node) + source;
    const int stride = reduce_ && source < kCellInputs ? 2 : 1;
    Value& value = values[static_cast<std::size_t>(source)];
    for (const int o : alive[static_cast<std::size_t>(edge)]) {
      EdgeOperation* operation = operations_[static_cast<std::size_t>(edge)][static_cast<std::size_t>(o)].get();
      if (operation != nullptr) {
        operated.push_back(
            operation->forward(ctx, value.operated, ops::broadcast_entry(ctx, weights, edge * columns + o, operated_)));
      }
    }
    if (passed_ > 0) {
      passed.push_back(ops::scale_channels(ctx, value.by(ctx, stride),
                                           ops::broadcast_entry(ctx, weights, edge * columns + columns - 1, passed_)));
    }
  }
  if (operated.empty()) {  // every edge has come down to `none`
    const Shape& x = values[1].operated.x().shape();
    const int stride = reduce_ ? 2 : 1;
    operated.push_back(Var{Tensor::zeros(
        ctx.stream, {x[0], (x[1] + stride - 1) / stride, (x[2] + stride - 1) / stride, operated_}, DType::f32)});
  }
  const Var sum = ops::sum(ctx, operated);
  return passed.empty() ? sum
                        : ops::shuffle_channels(ctx, ops::concat_channels(ctx, {sum, ops::sum(ctx, passed)}), ratio_);
}

Var SupernetCell::forward(Context& ctx, const Var& x0, const Var& x1, const Var& weights,
                          const std::array<std::vector<int>, kCellEdges>& alive) {
  std::vector<Value> values;
  const auto add = [&](const Var& x) {
    const std::size_t source = values.size();
    InputActivation* shared = source < activations_.size() ? activations_[source].get() : nullptr;
    values.push_back({Source(ops::slice_channels(ctx, x, 0, operated_), shared),
                      passed_ > 0 ? ops::slice_channels(ctx, x, operated_, passed_) : Var{}, Var{}});
  };
  add(input0_.forward(ctx, x0));
  add(input1_.forward(ctx, x1));
  std::vector<Var> nodes;
  for (int i = 0; i < kCellNodes; ++i) {
    nodes.push_back(node(ctx, i, values, weights, alive));
    if (i + 1 < kCellNodes) {
      add(nodes.back());
    }
  }
  return ops::concat_channels(ctx, nodes);
}

void SupernetCell::shared_parameters(const Visit& visit) {
  input0_.parameters(visit);
  input1_.parameters(visit);
  for (const auto& activation : activations_) {
    activation->parameters(visit);
  }
}

void SupernetCell::operation_parameters(std::size_t edge, std::size_t operation, const Visit& visit) {
  if (EdgeOperation* found = operations_[edge][operation].get()) {
    found->parameters(visit);
  }
}

void SupernetCell::buffers(const VisitBuffer& visit) {
  input0_.buffers(visit);
  input1_.buffers(visit);
  for (const auto& activation : activations_) {
    activation->buffers(visit);
  }
  for (const auto& edge : operations_) {
    for (const auto& operation : edge) {
      if (operation) {
        operation->buffers(visit);
      }
    }
  }
}

void SupernetCell::convolutions(const VisitConv& visit) {
  input0_.convolutions(visit);
  input1_.convolutions(visit);
  for (const auto& edge : operations_) {
    for (const auto& operation : edge) {
      if (operation) {
        operation->convolutions(visit);
      }
    }
  }
}

}  // namespace bnas::nas
