// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bnas/core/nn/binarized_weights.hpp"
#include "bnas/nas/child_network.hpp"
#include "bnas/nas/network.hpp"
#include "bnas/nas/recipe.hpp"

namespace bnas::nas {

/// The network of a plan, trained with the loss of a recipe. Where gradients of signs allow it, the signs of all
/// layers' weights are made at once.
class CellNetwork final : public ChildNetwork {
 public:
  CellNetwork(Stream& stream, NetworkPlan plan, const Recipe& recipe, const RandomKey& init);

  Var forward(Context& ctx, const Var& images) override { return network_.forward(ctx, images); }
  void parameters(const std::function<void(nn::Parameter&)>& visit) override { network_.parameters(visit); }
  void buffers(const std::function<void(const std::string&, Tensor&)>& visit) override { network_.buffers(visit); }
  Pass differentiate(const Tensor& images, const Tensor& labels, const Tensor& values) override;
  void packed(const std::function<void(const std::string&, const Tensor&)>& visit) override;

  /// From now on training passes show every node's output.
  void watch(std::function<void(const PlanNode&, const Var&)> visit) { visit_ = std::move(visit); }

 private:
  Stream& stream_;
  bool squared_hinge_;
  bool xnor_scale_;
  Network network_;
  std::optional<nn::BinarizedWeights> weight_bits_;  // with the straight-through estimator and no scales
  std::function<void(const PlanNode&, const Var&)> visit_;
};

}  // namespace bnas::nas
