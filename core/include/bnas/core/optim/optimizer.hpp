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
/// Slots are created on first use, zero-filled. Gradients are only read.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step at learning rate `lr` over `parameters`; the same parameters in the same order every time.
  virtual void step(Stream& stream, std::span<nn::Parameter* const> parameters, float lr) = 0;
  /// Steps taken so far.
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  /// Visits every slot as "<parameter>.<slot>", in a fixed order; creates absent ones for `parameters`, so that a
  /// checkpoint can be read into a new optimizer.
  virtual void slots(Stream& stream, std::span<nn::Parameter* const> parameters,
                     const std::function<void(const std::string& name, Tensor&)>& visit) = 0;

 protected:
  std::int64_t steps_ = 0;
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

/// Scales all gradients by max_norm / norm when their global L2 norm exceeds it; returns the norm before.
float clip_grad_norm(Stream& stream, std::span<nn::Parameter* const> parameters, float max_norm);

/// 1 / sqrt(1.5 / (fan_in + fan_out)) (Glorot and Bengio 2010; BinaryConnect's lr scaling).
float glorot_multiplier(std::int64_t fan_in, std::int64_t fan_out);

}  // namespace bnas::optim
