// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bnas/core/nn/binarized_weights.hpp"
#include "bnas/core/optim/optimizer.hpp"
#include "bnas/core/optim/schedule.hpp"
#include "bnas/nas/network.hpp"
#include "bnas/portable/augment.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::nas {

/// How a network is trained. The defaults are the seeds' recipe (Hubara et al. 2016 with AMSGrad).
struct Recipe {
  std::string loss = "squared_hinge";  ///< or softmax_cross_entropy
  std::string optimizer = "amsgrad";   ///< or adam, sgd, bop
  optim::Schedule schedule;            ///< 1e-3, a tenth of it per `epochs`, constant within an epoch
  int batch_size = 128;
  float weight_decay = 0.0F;
  float adam_eps = 1e-7F;  ///< adam, amsgrad
  float momentum = 0.9F;   ///< sgd
  bool nesterov = false;   ///< sgd
  float bop_gamma = 1e-4F;
  float bop_threshold = 1e-8F;
  float grad_clip = 0.0F;  ///< global norm; 0: none
  optim::StepOptions step;
  LayerOptions layers;
  BatchRule batch;  ///< the range of inputs, and how training images are augmented

  /// usage Error naming the key and, for a wrong word, the nearest one.
  void validate() const;
  /// All of it in one line, for fingerprints.
  std::string text() const;
};

/// Sums over the batches of an epoch, read back once.
struct EpochSums {
  double loss = 0.0;  ///< mean over images
  double accuracy = 0.0;
};

/// One network in training: weights and optimizer slots. Deterministic: the same calls with the same keys give the same
/// bits. One thread, one stream.
class Training {
 public:
  Training(Stream& stream, NetworkPlan plan, const Recipe& recipe, const RandomKey& init);

  Network& network() { return network_; }
  /// One optimizer step on a batch: images f32 (B,H,W,C), labels i32 (B), `values` a step tensor of step_values().
  /// Neither waits nor copies, so that it can be repeated (Stream::repeat). Gradients stay readable until the next.
  void step(const Tensor& images, const Tensor& labels, const Tensor& values);
  /// As step(); shows every node's output.
  void step(const Tensor& images, const Tensor& labels, const Tensor& values,
            const std::function<void(const PlanNode&, const Var&)>& visit);
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
  Network network_;
  std::vector<nn::Parameter*> parameters_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::optional<nn::BinarizedWeights> weight_bits_;  // with the straight-through estimator and no scales
  Tensor loss_sum_;                                  // f32 scalar: sum of batch losses times batch sizes
  Tensor correct_;                                   // i32 scalar
  std::size_t saved_bytes_ = 0;
};

}  // namespace bnas::nas
