// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/supervised_task.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr int kRecipeVersion = 2;  // raised when the same configuration trains differently than before

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
  if (train.count() == 0 || valid.count() == 0) {
    throw Error(ErrorKind::usage, fmt::format("{} training and {} validation images: both must be at least 1",
                                              train.count(), valid.count()));
  }
  data_digest_ = train.data().digest() + "/" + valid.data().digest();
}

std::string SupervisedTask::fingerprint() const {
  const NetworkConfig& network = config_.network;
  return fmt::format("v{} data={} seed={} cells={} filters={} dense={} stem_stride={} {}", kRecipeVersion, data_digest_,
                     config_.seed, network.cells, fmt::join(network.filters, ","), fmt::join(network.dense, ","),
                     network.stem_stride, config_.recipe.text());
}

NetworkPlan SupervisedTask::plan(const Genotype& genotype) const {
  return build_network_plan(space_, genotype, registry_, config_.network);
}

/// A step keeps at most every layer's output for backward, 4 bytes a real number and 1 bit a sign, and has three
/// gradients of the largest at hand. Steps of whole and of last batches are recorded with memory of their own, and
/// evaluation may want as much again without gradients. Weights have a gradient and up to three optimizer slots.
std::uint64_t SupervisedTask::memory(const Genotype& genotype) const {
  constexpr std::uint64_t kLibraries = std::uint64_t{64} << 20;  // workspaces, code of graphs
  constexpr std::uint64_t kPerWeight = 4 * (2 + 3);
  const NetworkPlan network = plan(genotype);
  const auto batch = static_cast<std::uint64_t>(config_.recipe.batch_size);
  std::uint64_t outputs = 0;
  std::uint64_t largest = 0;
  for (const PlanNode& node : network.nodes) {
    const std::uint64_t numbers = batch * static_cast<std::uint64_t>(node.h) * static_cast<std::uint64_t>(node.w) *
                                  static_cast<std::uint64_t>(node.c);
    outputs += node.value == ValueKind::binary ? numbers / 8 : 4 * numbers;
    largest = std::max(largest, 4 * numbers);
  }
  const NetworkCost cost = network.cost();
  const auto weights = static_cast<std::uint64_t>(cost.binary_weights + cost.real_weights);
  return 3 * outputs + 2 * 3 * largest + kPerWeight * weights + kLibraries;
}

}  // namespace bnas::nas
