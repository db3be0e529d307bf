// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bnas/core/data/dataset.hpp"
#include "bnas/core/device.hpp"
#include "bnas/nas/differentiable/search_config.hpp"

namespace bnas::nas {

/// What a search needs besides its configuration.
struct DifferentiableContext {
  std::filesystem::path directory;                     ///< holds two generations of the search's checkpoint
  std::string run_id = "run";                          ///< stamped into them
  const std::atomic<bool>* stop = nullptr;             ///< set: checkpoint at the next step and throw Interrupted
  double checkpoint_seconds = 60.0;                    ///< between checkpoints inside an epoch
  std::function<void(const std::string&)> on_event{};  ///< a line of the history, once it is safe; again after a resume
  std::function<void(const std::string&)> on_warning{};  ///< something was wrong and has been mended
};

/// What a search comes to.
struct DifferentiableResult {
  DartsGenotype genotype;
  /// One line of JSON per event: {"event":"epoch",...} of the supernet (loss, accuracies, and the
  /// genotype that alpha and beta then stood for), and the journal of the reduction (round, trial,
  /// removal) in between. The decisions can be replayed from it (Reduction::replay).
  std::vector<std::string> history;
};

/// What a search will cost.
struct SearchEstimate {
  double seconds = 0.0;
  double bytes = 0.0;  ///< at most, of networks and their steps; without the images
};

/// Searches with a supernet: a warm-up, then rounds of single-path trials, a removal on every edge and a refresh, until
/// one operation is left on each; or the warm-up alone where nothing is reduced. `valid` scores trials. Of the training
/// images in the order of the file, behind which those of `valid` stand where the architecture sees them too, the first
/// half trains weights, the second half the architecture.
/// Same configuration, same images: same result, bit for bit, also when stopped or killed at any moment and begun again
/// in the same directory, from the last checkpoint on. Checkpoints are made after each epoch and each trial, and inside
/// them.
class DifferentiableSearch {
 public:
  /// The image size and the number of classes of config.network are taken from the data. usage Error for a
  /// configuration that cannot work.
  DifferentiableSearch(const DifferentiableConfig& config, const Train& train, const Valid& valid, Device device);
  ~DifferentiableSearch();

  /// Data, configuration and version in one line: results with other fingerprints are not comparable.
  std::string fingerprint() const;
  EpochLedger ledger() const;
  /// A guess, by a few small steps of the whole supernet and of a single path on this device, which take seconds:
  /// epochs with some operations removed are taken to lie between, and memory to grow with the batch.
  SearchEstimate estimate() const;
  /// Throws Interrupted when asked to stop; a `bad_data` Error for a checkpoint that does not belong here or a network
  /// that has diverged.
  DifferentiableResult run(const DifferentiableContext& context);

 private:
  DifferentiableConfig config_;
  std::string data_digest_;
  std::unique_ptr<Stream> stream_;
  DeviceImages train_, valid_;
};

}  // namespace bnas::nas
