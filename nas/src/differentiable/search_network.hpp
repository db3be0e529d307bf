// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bnas/core/data/dataset.hpp"
#include "bnas/core/optim/optimizer.hpp"
#include "bnas/core/step_feed.hpp"
#include "bnas/nas/differentiable/search_config.hpp"
#include "bnas/nas/differentiable/supernet.hpp"
#include "bnas/nas/training.hpp"

namespace bnas::nas {

/// A supernet in training: weights by SGD, the architecture by Adam. One thread, one stream.
class SearchNetwork {
 public:
  SearchNetwork(Stream& stream, const SupernetConfig& network, const DifferentiableConfig& config,
                const RandomKey& init);

  Supernet& net() { return net_; }
  /// What runs and what weight steps move from now on.
  template <class Operations>
  void set_alive(const Operations& operations) {
    net_.set_alive(operations);
    moved_ = net_.alive_parameters();
    weights_->select(moved_);
  }
  void weight_step(const Tensor& images, const Tensor& labels, const Tensor& values);
  /// `entropy`: weight of the reward for spread alphas in this step.
  void architecture_step(const Tensor& images, const Tensor& labels, const Tensor& values, float entropy);
  double bias_correction(std::int64_t step) const { return architecture_->bias_correction(step); }
  /// Moves running statistics as a training pass does, and nothing else.
  void recalibrate(const Tensor& images, const Tensor& values);
  /// Sums of the weight steps since the last call, over `images` images; restarts them.
  EpochSums take_sums(std::int64_t images);
  /// Share of correct answers with running statistics.
  double accuracy(const DeviceImages& data, int batch_size);

  /// Visits weights, running statistics, architecture, optimizer slots, and sums, in a fixed order.
  void state(const std::function<void(const std::string& name, Tensor&)>& visit);
  /// What a trial changes: weights, running statistics and their slots.
  void weights(const std::function<void(const std::string& name, Tensor&)>& visit);

 private:
  Stream& stream_;
  float grad_clip_;
  bool move_statistics_;
  float input_offset_;
  Supernet net_;
  std::vector<nn::Parameter*> moved_;
  std::unique_ptr<optim::Optimizer> weights_, architecture_;
  Tensor loss_sum_, correct_;
};

}  // namespace bnas::nas
