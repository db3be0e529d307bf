// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "bnas/core/data/dataset.hpp"
#include "bnas/core/device.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/network_builder.hpp"
#include "bnas/nas/training.hpp"

namespace bnas::nas {

/// What the real trainer is made of. The test split is not among it.
struct TrainerConfig {
  NetworkConfig network;
  Recipe recipe;
  std::uint64_t seed = 0;
  std::string run_id = "run";        ///< stamped into checkpoints
  double checkpoint_seconds = 60.0;  ///< between checkpoints inside an epoch
};

/// Trains a child on labelled images. A child's directory holds two generations of its checkpoint while it trains and,
/// from its first epoch on, best.safetensors: the latent weights of its best epoch.
class SupervisedTrainer final : public ChildTrainer {
 public:
  /// Uploads the sets once, for all children. `space` and `registry` must outlive the trainer. The image size and the
  /// number of classes of config.network are taken from the data. usage Error for a configuration that cannot work.
  SupervisedTrainer(const SearchSpace& space, const OperationRegistry& registry, TrainerConfig config,
                    const Train& train, const Valid& valid, Device device);

  std::string fingerprint() const override;
  NetworkCost cost(const Genotype& genotype) const override;
  Trial train(const Trial& trial, const ChildContext& context) override;

  /// Accuracy of the best epoch's weights in `directory` on the test split: the one final measurement.
  double measure(const Trial& trial, const std::filesystem::path& directory, const Test& test) const;
  /// Writes the best epoch's weights of `directory` to `out`: weights.safetensors (binary weights packed to bits,
  /// the rest f32) and latent.safetensors (all f32, to train on).
  void export_best(const Trial& trial, const std::filesystem::path& directory, const std::filesystem::path& out) const;

 private:
  NetworkPlan plan(const Genotype& genotype) const;
  std::unique_ptr<Training> load_best(const Trial& trial, const std::filesystem::path& directory, Stream& stream) const;

  const SearchSpace& space_;
  const OperationRegistry& registry_;
  TrainerConfig config_;
  std::string data_digest_;
  Device device_;
  std::unique_ptr<Stream> stream_;  // owns the resident sets' memory
  DeviceImages train_;
  DeviceImages valid_;
};

}  // namespace bnas::nas
