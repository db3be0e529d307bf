// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "bnas/core/data/dataset.hpp"
#include "bnas/nas/child_network.hpp"
#include "bnas/nas/child_task.hpp"
#include "bnas/nas/recipe.hpp"
#include "bnas/nas/saved_weights.hpp"

namespace bnas::nas {

/// What a child of a supervised search is trained with. The test split is not among it.
struct TrainerConfig {
  Recipe recipe;
  std::uint64_t seed = 0;
  std::string run_id = "run";        ///< stamped into checkpoints
  double checkpoint_seconds = 60.0;  ///< between checkpoints inside an epoch
  /// False: there are no validation images; the last epoch is the best one, and its training accuracy the reward.
  bool hold_out = true;
  std::shared_ptr<const SavedWeights> start;  ///< what every child starts from, in place of random weights; may be null
  bool keep_last = false;  ///< a finished child keeps the weights of its last epoch too: last.safetensors
};

/// Training networks on labelled images, whatever makes the networks.
class SupervisedTask : public ChildTask {
 public:
  std::string fingerprint() const final;
  const TrainerConfig& config() const { return config_; }
  /// An untrained network. Equal keys give equal weights.
  virtual std::unique_ptr<ChildNetwork> make_network(Stream& stream, const Genotype& genotype,
                                                     const RandomKey& init) const = 0;
  /// usage Error as start_from() unless the network of `genotype` can start from what the configuration names.
  void require_start(const Genotype& genotype) const;

 protected:
  /// Of the data only size and digest are kept. usage Error for a configuration that cannot work.
  SupervisedTask(TrainerConfig config, const Train& train, const Valid& valid);

  /// All that is chosen of the networks in one line; not what the data set decides.
  virtual std::string network_text() const = 0;
  /// memory() of a network that keeps `kept` bytes for backward per image of a batch, whose largest value has `largest`
  /// bytes per image, and which has so many weights.
  std::uint64_t footprint(double kept, double largest, double weights) const;

 private:
  TrainerConfig config_;
  std::string data_digest_;
  std::int64_t train_images_ = 0;
};

}  // namespace bnas::nas
