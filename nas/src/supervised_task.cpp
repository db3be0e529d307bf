// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/supervised_task.hpp"

#include <fmt/format.h>

#include "batch_rule.hpp"
#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr int kRecipeVersion = 2;  // raised when the same configuration trains differently than before

}  // namespace

SupervisedTask::SupervisedTask(TrainerConfig config, const Train& train, const Valid& valid)
    : config_(std::move(config)),
      data_digest_(train.data().digest() + "/" + valid.data().digest()),
      train_images_(train.count()) {
  config_.recipe.validate();
  validate_batch_rule(config_.recipe.batch, train.data().channels);
  if (train.count() == 0 || (valid.count() > 0) != config_.hold_out) {
    throw Error(ErrorKind::usage,
                fmt::format("{} training and {} validation images: expected some to train on, and {} to choose by",
                            train.count(), valid.count(), config_.hold_out ? "some" : "none"));
  }
}

std::string SupervisedTask::fingerprint() const {
  return fmt::format("v{} data={} seed={} {} {}{}{}", kRecipeVersion, data_digest_, config_.seed, network_text(),
                     config_.recipe.text(), config_.hold_out ? "" : " no validation",
                     config_.start ? " weights=" + config_.start->digest : "");
}

void SupervisedTask::require_start(const Genotype& genotype) const {
  if (config_.start) {
    const auto stream = backend_for(Device{}).make_stream();
    Training training(*stream, make_network(*stream, genotype, RandomKey{}), config_.recipe);
    start_from(*config_.start, training, *stream);
  }
}

/// Recorded steps keep their memory to themselves, those of whole batches and those of what an epoch has left; a step
/// holds what layers keep for backward, and three gradients of the largest output at hand. Evaluation holds outputs of
/// a layer and its inputs. Weights have a gradient and up to three optimizer slots. Size classes cost up to a quarter.
std::uint64_t SupervisedTask::footprint(double kept, double largest, double weights) const {
  constexpr double kLibraries = 64.0 * 1024.0 * 1024.0;  // workspaces, recorded graphs
  constexpr double kPerWeight = 4.0 * (2 + 3);
  constexpr double kSizeClasses = 1.2;
  const double batch = config_.recipe.batch_size;
  const double last_batch = static_cast<double>(train_images_ % config_.recipe.batch_size) / batch;
  return static_cast<std::uint64_t>(
      kSizeClasses * (batch * ((1.0 + last_batch) * (kept + 3.0 * largest) + 3.0 * largest) + kPerWeight * weights) +
      kLibraries);
}

}  // namespace bnas::nas
