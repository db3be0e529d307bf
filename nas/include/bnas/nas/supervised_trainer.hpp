// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "bnas/core/data/dataset.hpp"
#include "bnas/core/device.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/supervised_task.hpp"
#include "bnas/nas/training.hpp"

namespace bnas::nas {

/// Trains a child on labelled images. A child's directory holds two generations of its checkpoint while it trains and,
/// from its first epoch on, best.safetensors: the latent weights of its best epoch.
class SupervisedTrainer final : public ChildTrainer {
 public:
  /// Uploads the sets once, for all children: those that `task` was made with. `task` must outlive the trainer.
  SupervisedTrainer(const SupervisedTask& task, const Train& train, const Valid& valid, Device device);

  std::string fingerprint() const override { return task_.fingerprint(); }
  NetworkCost cost(const Genotype& genotype) const override { return task_.cost(genotype); }
  Trial train(const Trial& trial, const ChildContext& context) override;

  /// Accuracy of the best epoch's weights in the child's directory on the test split: the one final measurement.
  double measure(const Trial& trial, const ChildContext& context, const Test& test) const;
  /// Writes the best epoch's weights of `directory` to `out`: weights.safetensors (binary weights packed to bits,
  /// the rest f32) and latent.safetensors (all f32, to train on); where the last epoch's are kept too, also them, as
  /// last-weights.safetensors and last-latent.safetensors.
  void export_best(const Trial& trial, const std::filesystem::path& directory, const std::filesystem::path& out) const;

 private:
  std::unique_ptr<Training> load(const Trial& trial, const std::filesystem::path& weights, Stream& stream) const;
  void export_weights(const Trial& trial, const std::filesystem::path& from, const std::filesystem::path& out,
                      const std::string& prefix) const;

  const SupervisedTask& task_;
  Device device_;
  std::unique_ptr<Stream> stream_;  // owns the resident sets' memory
  DeviceImages train_;
  DeviceImages valid_;
};

}  // namespace bnas::nas
