// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "bnas/core/data/dataset.hpp"
#include "bnas/nas/child_task.hpp"
#include "bnas/nas/network_builder.hpp"
#include "bnas/nas/saved_weights.hpp"
#include "bnas/nas/training.hpp"

namespace bnas::nas {

/// What a child of a supervised search is trained with. The test split is not among it.
struct TrainerConfig {
  NetworkConfig network;
  Recipe recipe;
  std::uint64_t seed = 0;
  std::string run_id = "run";        ///< stamped into checkpoints
  double checkpoint_seconds = 60.0;  ///< between checkpoints inside an epoch
  /// False: there are no validation images; the last epoch is the best one, and its training accuracy the reward.
  bool hold_out = true;
  std::shared_ptr<const SavedWeights> start;  ///< what every child starts from, in place of random weights; may be null
  bool keep_last = false;  ///< a finished child keeps the weights of its last epoch too: last.safetensors
};

/// Training networks on labelled images.
class SupervisedTask final : public ChildTask {
 public:
  /// `space` and `registry` must outlive the task; of the data only its size and digest are kept. The image size and
  /// the number of classes of config.network are taken from it. usage Error for a configuration that cannot work.
  SupervisedTask(const SearchSpace& space, const OperationRegistry& registry, TrainerConfig config, const Train& train,
                 const Valid& valid);

  std::string fingerprint() const override;
  NetworkCost cost(const Genotype& genotype) const override { return plan(genotype).cost(); }
  std::uint64_t memory(const Genotype& genotype) const override;

  NetworkPlan plan(const Genotype& genotype) const;
  /// usage Error as start_from() unless the network of `genotype` can start from what the configuration names.
  void require_start(const Genotype& genotype) const;
  const TrainerConfig& config() const { return config_; }

 private:
  const SearchSpace& space_;
  const OperationRegistry& registry_;
  TrainerConfig config_;
  std::string data_digest_;
  std::int64_t train_images_ = 0;
};

}  // namespace bnas::nas
