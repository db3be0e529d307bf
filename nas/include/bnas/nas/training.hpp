// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bnas/nas/child_network.hpp"
#include "bnas/nas/recipe.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::nas {

/// Sums over the batches of an epoch, read back once.
struct EpochSums {
  double loss = 0.0;  ///< mean over images
  double accuracy = 0.0;
};

/// One network in training: weights and optimizer slots. Deterministic: the same calls with the same keys give the same
/// bits. One thread, one stream.
class Training {
 public:
  /// `network` is of `stream`.
  Training(Stream& stream, std::unique_ptr<ChildNetwork> network, const Recipe& recipe);

  ChildNetwork& network() { return *network_; }
  /// One optimizer step on a batch: images f32 (B,H,W,C), labels i32 (B), `values` a step tensor of step_values().
  /// Neither waits nor copies, so that it can be repeated (Stream::repeat). Gradients stay readable until the next.
  void step(const Tensor& images, const Tensor& labels, const Tensor& values);
  /// What step `number` needs to know, which is 1 for the first of this training.
  StepValues step_values(std::int64_t number, float lr, const RandomKey& random) const;
  /// Sums since the last call, over `images` images; restarts them.
  EpochSums take_sums(std::int64_t images);
  /// Share of correct answers over a resident set: images u8 (N,H,W,C), labels i32 (N). Uses running statistics.
  double evaluate(const Tensor& images, const Tensor& labels);
  /// False when any weight, optimizer slot or running sum is NaN or infinite. Signs would hide a NaN weight, so this
  /// must be asked.
  bool finite();
  /// Bytes kept for backward in the last step.
  std::size_t saved_bytes() const { return saved_bytes_; }

  /// Visits everything that a checkpoint must hold besides the number of steps: weights, buffers, slots, sums; fixed
  /// order.
  void state(const std::function<void(const std::string& name, Tensor&)>& visit);
  /// Only what a trained network needs: weights and buffers.
  void weights(const std::function<void(const std::string& name, Tensor&)>& visit);

 private:
  Stream& stream_;
  Recipe recipe_;
  std::unique_ptr<ChildNetwork> network_;
  std::vector<nn::Parameter*> parameters_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  Tensor loss_sum_;  // f32 scalar: sum of batch losses times batch sizes
  Tensor correct_;   // i32 scalar
  std::size_t saved_bytes_ = 0;
};

}  // namespace bnas::nas
