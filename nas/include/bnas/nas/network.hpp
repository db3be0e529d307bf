// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "bnas/core/nn/module.hpp"
#include "bnas/core/ops/norm.hpp"
#include "bnas/nas/network_plan.hpp"
#include "bnas/portable/dims.hpp"
#include "bnas/portable/philox.hpp"
#include "bnas/portable/pseudo_gradient.hpp"

namespace bnas::nas {

/// How the layers of a network compute.
struct LayerOptions {
  PseudoGradient activation = PseudoGradient::ste_sign;
  PseudoGradient weight = PseudoGradient::ste_sign;
  PadValue pad_value = PadValue::zero;
  /// Outputs of binary layers are multiplied by the mean of |w| of their filter (Rastegari et al. 2016, section 3.1).
  bool xnor_scale = false;
  ops::BatchNormOptions batch_norm{.eps = 1e-6F, .momentum = 0.9F};  ///< the seeds' values
};

/// Executes a plan. Values are dropped after their last use; a batch norm that only feeds a sign is fused with it;
/// a real value that several convolutions read is signed once.
class Network final : public nn::Module {
 public:
  /// Latent weights start uniform in [-1, 1) (the seeds' initialization), float dense weights Glorot-uniform, biases
  /// 0; numbers are keyed by `init` and the position of the parameter.
  Network(Stream& stream, NetworkPlan plan, const LayerOptions& options, const RandomKey& init);
  ~Network() override;

  /// x f32 (N,H,W,C) -> logits f32 (N, classes).
  Var forward(Context& ctx, const Var& x) override;
  /// As forward(); calls `visit` with the output of each node (integers of convolutions included).
  Var forward(Context& ctx, const Var& x, const std::function<void(const PlanNode&, const Var&)>& visit);
  void parameters(const std::function<void(nn::Parameter&)>& visit) override;
  void buffers(const std::function<void(const std::string&, Tensor&)>& visit) override;
  const NetworkPlan& plan() const { return plan_; }

 private:
  struct Layer;
  Var run(Context& ctx, std::size_t index, std::vector<Var>& values, std::vector<Var>& signs);
  Var signed_input(Context& ctx, int node, const std::vector<Var>& values, std::vector<Var>& signs) const;

  NetworkPlan plan_;
  LayerOptions options_;
  std::vector<std::unique_ptr<Layer>> layers_;  // one per node
  std::vector<int> last_use_;                   // per node: the last node that reads it
};

}  // namespace bnas::nas
