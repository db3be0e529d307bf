// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>

#include "bnas/core/data/dataset.hpp"
#include "bnas/core/io/checkpoint.hpp"
#include "bnas/core/step_feed.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/supervised_task.hpp"
#include "bnas/nas/training.hpp"

namespace bnas::nas {

inline constexpr const char* kBestWeightsFile = "best.safetensors";
inline constexpr const char* kLastWeightsFile = "last.safetensors";

/// One child from its checkpoint, or from nothing, to its result. Every random number is keyed by seed, trial, epoch
/// and step, so that a continued run repeats an undisturbed one bit for bit.
class ChildRun {
 public:
  ChildRun(Stream& stream, const SupervisedTask& task, const DeviceImages& train, const DeviceImages& valid,
           const Trial& trial, const ChildContext& context);

  /// The trial with its result; throws Interrupted when asked to stop.
  Trial run();

 private:
  void restore();
  void save();
  void run_epoch();
  std::int64_t batches() const;  // of an epoch
  float learning_rate(std::int64_t batch) const;
  void record_steps();
  void feed_epoch();
  void run_batch(std::int64_t size);
  void save_weights(const char* file);
  bool complete() const { return diverged_ || epoch_ >= trial_.budget.epochs; }

  Stream& stream_;
  const TrainerConfig& config_;
  const DeviceImages& train_;
  const DeviceImages& valid_;
  const ChildContext& context_;
  Trial trial_;
  std::int64_t images_;  // of one epoch
  Training training_;
  StepFeed feed_;
  Tensor order_;                           // i32: rows of the training set as this epoch sees them
  std::unique_ptr<Repeated> whole_batch_;  // batches of batch_size
  std::unique_ptr<Repeated> last_batch_;   // what is left of an epoch, where that is less
  CheckpointStore store_;
  std::chrono::steady_clock::time_point saved_at_ = std::chrono::steady_clock::now();

  // Progress; together with the state of training_ this is the checkpoint.
  std::int64_t epoch_ = 0;  // finished epochs
  std::int64_t batch_ = 0;  // finished batches of the epoch under way
  std::int64_t steps_ = 0;  // of the optimizer, over all epochs
  bool diverged_ = false;
};

}  // namespace bnas::nas
