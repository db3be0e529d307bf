// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/differentiable_search.hpp"

#include <fmt/format.h>

#include "batch_rule.hpp"
#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "differentiable/search_run.hpp"

namespace bnas::nas {
namespace {

/// What the halves are cut from: the validation images, where the architecture sees them, stand in the second one.
Dataset searched_images(const Dataset& train, const Dataset& valid, bool architecture_sees_valid) {
  Dataset all = train;
  if (architecture_sees_valid) {
    all.count += valid.count;
    all.pixels.insert(all.pixels.end(), valid.pixels.begin(), valid.pixels.end());
    all.labels.insert(all.labels.end(), valid.labels.begin(), valid.labels.end());
  }
  return all;
}

}  // namespace

DifferentiableSearch::DifferentiableSearch(const DifferentiableConfig& config, const Train& train, const Valid& valid,
                                           Device device)
    : config_(config),
      data_digest_(train.data().digest() + "/" + valid.data().digest()),
      stream_(backend_for(device).make_stream()) {
  const Dataset& images = train.data();
  config_.network.image_channels = static_cast<int>(images.channels);
  config_.network.classes = images.classes;
  config_.validate();
  validate_batch_rule(config_.batch, images.channels);
  const std::int64_t counted = images.count + (config_.architecture_sees_valid ? valid.count() : 0);
  const std::int64_t halves = counted / 2;
  if (halves < config_.batch_size || halves < config_.trial_batch_size || valid.count() < 1) {
    throw Error(
        ErrorKind::usage,
        fmt::format("{} training and {} validation images: half of the {} that are searched with must fill a batch "
                    "(batch_size {}, trial_batch_size {}), and one of the latter is needed; use more images or smaller "
                    "batches",
                    images.count, valid.count(), counted, config_.batch_size, config_.trial_batch_size));
  }
  if (images.count < halves) {
    throw Error(ErrorKind::usage,
                fmt::format("{} training and {} validation images: weights must not train on the latter, of which the "
                            "architecture's half holds {} at most; use fewer of them (valid_images), or keep them "
                            "apart (arch_sees_valid)",
                            images.count, valid.count(), halves));
  }
  train_ = upload(*stream_, searched_images(images, valid.data(), config_.architecture_sees_valid));
  valid_ = upload(*stream_, valid.data());
}

DifferentiableSearch::~DifferentiableSearch() = default;

std::string DifferentiableSearch::fingerprint() const {
  return fmt::format("differentiable 1, data={} {}", data_digest_, config_.text());
}

EpochLedger DifferentiableSearch::ledger() const { return epoch_ledger(config_); }

DifferentiableResult DifferentiableSearch::run(const DifferentiableContext& context) {
  return SearchRun(*stream_, config_, train_, valid_, fingerprint(), context).run();
}

}  // namespace bnas::nas
