// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/supervised_task.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr int kRecipeVersion = 2;  // raised when the same configuration trains differently than before

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

SupervisedTask::SupervisedTask(const SearchSpace& space, const OperationRegistry& registry, TrainerConfig config,
                               const Train& train, const Valid& valid)
    : space_(space), registry_(registry), config_(std::move(config)) {
  config_.network.height = static_cast<int>(train.data().height);
  config_.network.width = static_cast<int>(train.data().width);
  config_.network.channels = static_cast<int>(train.data().channels);
  config_.network.classes = train.data().classes;
  config_.network.validate(space.config().kind);
  config_.recipe.validate();
  registry.require(space.config().operators);
  if (train.count() == 0 || (valid.count() > 0) != config_.hold_out) {
    throw Error(ErrorKind::usage,
                fmt::format("{} training and {} validation images: expected some to train on, and {} to choose by",
                            train.count(), valid.count(), config_.hold_out ? "some" : "none"));
  }
  train_images_ = train.count();
  data_digest_ = train.data().digest() + "/" + valid.data().digest();
}

std::string SupervisedTask::fingerprint() const {
  return fmt::format("v{} data={} seed={} {} {}{}{}", kRecipeVersion, data_digest_, config_.seed,
                     config_.network.text(), config_.recipe.text(), config_.hold_out ? "" : " no validation",
                     config_.start ? " weights=" + config_.start->digest : "");
}

void SupervisedTask::require_start(const Genotype& genotype) const {
  if (config_.start) {
    const auto stream = backend_for(Device{}).make_stream();
    Training training(*stream, plan(genotype), config_.recipe, RandomKey{});
    start_from(*config_.start, training, *stream);
  }
}

NetworkPlan SupervisedTask::plan(const Genotype& genotype) const {
  return build_network_plan(space_, genotype, registry_, config_.network);
}

/// Recorded steps keep their memory to themselves, those of whole batches and those of what an epoch has left; a step
/// holds what layers keep for backward, and three gradients of the largest output at hand. Evaluation holds outputs of
/// a layer and its inputs. Weights have a gradient and up to three optimizer slots. Size classes cost up to a quarter.
std::uint64_t SupervisedTask::memory(const Genotype& genotype) const {
  constexpr double kLibraries = 64.0 * 1024.0 * 1024.0;  // workspaces, recorded graphs
  constexpr double kPerWeight = 4.0 * (2 + 3);
  constexpr double kSizeClasses = 1.2;
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
    const double numbers = static_cast<double>(config_.recipe.batch_size) * node.h * node.w * node.c;
    kept += numbers * kept_bytes(network, i, config_.recipe.layers.xnor_scale, signed_later[i]);
    largest = std::max(largest, 4.0 * numbers);
  }
  const double last_batch = static_cast<double>(train_images_ % config_.recipe.batch_size) / config_.recipe.batch_size;
  const NetworkCost cost = network.cost();
  const auto weights = static_cast<double>(cost.binary_weights + cost.real_weights);
  return static_cast<std::uint64_t>(
      kSizeClasses * ((1.0 + last_batch) * (kept + 3.0 * largest) + 3.0 * largest + kPerWeight * weights) + kLibraries);
}

}  // namespace bnas::nas
