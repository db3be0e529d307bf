// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "bnas/nas/trial.hpp"

namespace bnas::nas {

/// What a child needs besides its trial.
struct ChildContext {
  std::filesystem::path directory;                     ///< its own, kept across attempts; holds its checkpoints
  const std::atomic<bool>* stop = nullptr;             ///< set: checkpoint at the next step and throw Interrupted
  std::function<void(const EpochMetrics&)> on_epoch;   ///< after an epoch's checkpoint is safe
  std::function<void(const std::string&)> on_warning;  ///< something was wrong and has been mended
};

/// Thrown by a trainer that left early on request, its state safe in the directory.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

/// Trains and measures one architecture. train() is called from several threads at once, each with its own trial.
class ChildTrainer {
 public:
  virtual ~ChildTrainer() = default;
  /// Data, recipe and version in one line: results with other fingerprints are not comparable.
  virtual std::string fingerprint() const = 0;
  /// Sizes and multiply counts without training.
  virtual NetworkCost cost(const Genotype& genotype) const = 0;
  /// Fills status (done or diverged), reward, best_epoch, curve and message of a copy of `trial`. Continues from the
  /// directory's checkpoint if there is one, bit-exactly. Throws on failure: an io, bad_data or device_fault Error ends
  /// the search, anything else is a failed attempt of this child.
  virtual Trial train(const Trial& trial, const ChildContext& context) = 0;
};

}  // namespace bnas::nas
