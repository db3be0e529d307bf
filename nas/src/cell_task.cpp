// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/cell_task.hpp"

#include <algorithm>
#include <vector>

#include "bnas/nas/cell_network.hpp"

namespace bnas::nas {
namespace {

/// Of each number that a layer puts out, for as long as a step lasts.
double kept_bytes(const NetworkPlan& plan, std::size_t index, bool scaled, bool signed_later) {
  constexpr double kBit = 1.0 / 8.0;
  const PlanNode& node = plan.nodes[index];
  switch (node.layer.kind) {
    case LayerKind::conv:
    case LayerKind::depthwise:  // dot products, which batch norm reads again, and scaled ones
      return (plan.reads_real(index) ? 4.0 : 2.0) + (scaled ? 4.0 : 0.0);
    case LayerKind::batch_norm:  // signs and the mask of their gradient, or numbers; rows as channels
      return plan.norms_rows(index) ? 6.0 : signed_later ? 2.0 * kBit : 4.0;
    case LayerKind::sign:
      return 2.0 * kBit;
    default:
      return node.value == ValueKind::binary ? kBit : 4.0;
  }
}

}  // namespace

CellTask::CellTask(const SearchSpace& space, const OperationRegistry& registry, NetworkConfig network,
                   TrainerConfig config, const Train& train, const Valid& valid)
    : SupervisedTask(std::move(config), train, valid),
      space_(space),
      registry_(registry),
      network_(std::move(network)) {
  network_.height = static_cast<int>(train.data().height);
  network_.width = static_cast<int>(train.data().width);
  network_.channels = static_cast<int>(train.data().channels);
  network_.classes = train.data().classes;
  network_.validate(space.config().kind);
  registry.require(space.config().operators);
}

NetworkPlan CellTask::plan(const Genotype& genotype) const {
  return build_network_plan(space_, genotype, registry_, network_);
}

std::unique_ptr<ChildNetwork> CellTask::make_network(Stream& stream, const Genotype& genotype,
                                                     const RandomKey& init) const {
  return std::make_unique<CellNetwork>(stream, plan(genotype), config().recipe, init);
}

std::uint64_t CellTask::memory(const Genotype& genotype) const {
  const NetworkPlan network = plan(genotype);
  std::vector<bool> signed_later(network.nodes.size(), false);
  for (const PlanNode& node : network.nodes) {
    if (node.layer.kind == LayerKind::sign) {
      signed_later[static_cast<std::size_t>(node.inputs[0])] = true;
    }
  }
  double kept = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    const PlanNode& node = network.nodes[i];
    const double numbers = static_cast<double>(node.h) * node.w * node.c;
    kept += numbers * kept_bytes(network, i, config().recipe.layers.xnor_scale, signed_later[i]);
    largest = std::max(largest, 4.0 * numbers);
  }
  const NetworkCost cost = network.cost();
  return footprint(kept, largest, static_cast<double>(cost.binary_weights + cost.real_weights));
}

}  // namespace bnas::nas
