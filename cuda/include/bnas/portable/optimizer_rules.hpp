// SPDX-License-Identifier: Apache-2.0
// One optimizer step of one weight, shared by every device.
#pragma once

#include <cmath>
#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas {

BNAS_HD inline float clip_to(float x, float limit) {
  return limit <= 0.0F ? x : x > limit ? limit : x < -limit ? -limit : x;
}

/// Adam as Kingma and Ba 2015, section 2 (the form with the bias-corrected step size), AMSGrad as Reddi et al. 2018:
/// v_max is the running maximum of the uncorrected v. `weight_decay` adds L2 to the gradient.
struct AdamRule {
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float eps = 1e-7F;
  float weight_decay = 0.0F;

  /// sqrt(1 - beta2^t) / (1 - beta1^t) of step t, which is 1 for the first.
  double bias_correction(std::int64_t t) const {
    const auto power = static_cast<double>(t);
    return std::sqrt(1.0 - std::pow(static_cast<double>(beta2), power)) /
           (1.0 - std::pow(static_cast<double>(beta1), power));
  }
};

/// The step size lr * sqrt(1 - beta2^t) / (1 - beta1^t), rounded once.
BNAS_HD inline float adam_step_size(float lr, double bias_correction) {
  return static_cast<float>(static_cast<double>(lr) * bias_correction);
}

BNAS_HD inline float adam_update(const AdamRule& rule, float step_size, float g, float w, float& m, float& v,
                                 float* v_max) {
  g += rule.weight_decay * w;
  m = rule.beta1 * m + (1.0F - rule.beta1) * g;
  v = rule.beta2 * v + (1.0F - rule.beta2) * g * g;
  float second = v;
  if (v_max != nullptr) {
    *v_max = *v_max > v ? *v_max : v;
    second = *v_max;
  }
  return w - step_size * m / (std::sqrt(second) + rule.eps);
}

/// velocity = momentum * velocity + g; w -= lr * (nesterov ? g + momentum * velocity : velocity), g with L2 added.
struct SgdRule {
  float momentum = 0.0F;
  float weight_decay = 0.0F;
  bool nesterov = false;
};

BNAS_HD inline float sgd_update(const SgdRule& rule, float lr, float g, float w, float* velocity) {
  g += rule.weight_decay * w;
  if (velocity == nullptr) {
    return w - lr * g;
  }
  *velocity = rule.momentum * *velocity + g;
  return w - lr * (rule.nesterov ? g + rule.momentum * *velocity : *velocity);
}

/// average = (1 - gamma) * average + gamma * g; a weight flips when |average| > threshold and both have the same sign.
struct BopRule {
  float gamma = 1e-4F;
  float threshold = 1e-8F;
};

BNAS_HD inline float bop_update(const BopRule& rule, float g, float w, float& average) {
  average = (1.0F - rule.gamma) * average + rule.gamma * g;
  return w * average > rule.threshold ? -w : w;  // w is -1 or +1
}

}  // namespace bnas
