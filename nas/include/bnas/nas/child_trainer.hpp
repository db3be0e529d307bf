// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "bnas/core/stream.hpp"
#include "bnas/nas/trial.hpp"

namespace bnas::nas {

/// What a child needs besides its trial.
struct ChildContext {
  std::filesystem::path directory;                     ///< its own, kept across attempts; holds its checkpoints
  const std::atomic<bool>* stop = nullptr;             ///< set: checkpoint at the next step and throw Interrupted
  std::function<void(const EpochMetrics&)> on_epoch;   ///< after an epoch's checkpoint is safe
  std::function<void(const std::string&)> on_warning;  ///< something was wrong and has been mended
  /// The stream that the child trains on, to be watched from any thread; null before it goes.
  std::function<void(const Stream*)> on_stream = {};
};

/// Thrown by a trainer that left early on request, its state safe in the directory.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

/// Thrown by a trainer for a child that no further attempt can save: the device faults whenever it runs, or is too
/// small for it. Says why.
class ChildRejected : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
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
  /// the search, ChildRejected this child, anything else is a failed attempt of it.
  virtual Trial train(const Trial& trial, const ChildContext& context) = 0;
};

}  // namespace bnas::nas
