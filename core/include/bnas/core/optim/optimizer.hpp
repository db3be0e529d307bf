// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bnas/core/nn/module.hpp"
#include "bnas/portable/optimizer_rules.hpp"

namespace bnas::optim {

/// Updates parameters from their gradients; owns the slots (moments), which are part of a checkpoint.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Once, before anything else: makes the slots, zero-filled, and brings fresh parameters into the form that the rule
  /// wants. `parameters` must outlive the optimizer.
  virtual void prepare(Stream& stream, std::span<nn::Parameter* const> parameters) = 0;
  /// One step over all parameters. `values` is a `step` tensor (step_feed.hpp): lr and bias_correction are read on the
  /// device, so that a recorded step can be replayed. Gradients are only read.
  virtual void step(Stream& stream, const Tensor& values) = 0;
  /// From now on step() moves only these of the prepared parameters; the others keep their weights and slots.
  virtual void select(std::span<nn::Parameter* const> parameters) = 0;
  /// StepValues::bias_correction of step t, which is 1 for the first.
  virtual double bias_correction(std::int64_t /*t*/) const { return 1.0; }
  /// Visits every slot as "<parameter>.<slot>", in a fixed order.
  virtual void slots(const std::function<void(const std::string& name, Tensor&)>& visit) = 0;
};

/// Options shared by the rules.
struct StepOptions {
  float latent_clip = 1.0F;  ///< latent binary weights are clamped to [-clip, clip]; 0: never
  bool glorot_lr = false;    ///< multiplies lr of latent binary weights by 1 / sqrt(1.5 / (fan_in + fan_out))
};

std::unique_ptr<Optimizer> make_adam(const AdamRule& rule, bool amsgrad, const StepOptions& options = {});
std::unique_ptr<Optimizer> make_sgd(const SgdRule& rule, const StepOptions& options = {});
/// Bop for latent_binary parameters (their values become exactly -1 and +1), `rest` for all others.
std::unique_ptr<Optimizer> make_bop(const BopRule& rule, std::unique_ptr<Optimizer> rest);

/// Scales all gradients by max_norm / norm when their global L2 norm exceeds it; the norm before, a scalar f32.
Tensor clip_grad_norm(Stream& stream, std::span<nn::Parameter* const> parameters, float max_norm);

/// 1 / sqrt(1.5 / (fan_in + fan_out)) (Glorot and Bengio 2010; BinaryConnect's lr scaling).
float glorot_multiplier(std::int64_t fan_in, std::int64_t fan_out);

}  // namespace bnas::optim
