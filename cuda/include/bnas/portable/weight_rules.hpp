// SPDX-License-Identifier: Apache-2.0
// Gradients of latent weights whose filters are a sign times an amplitude, one weight at a time, shared by every
// device.
#pragma once

#include <cmath>

#include "bnas/portable/bits.hpp"

namespace bnas {

/// Amplitudes are divided by; smaller ones count as this.
inline constexpr float kLeastScale = 1e-8F;

/// The gradient of a latent weight w from that of its sign, in a filter of amplitude a:
/// dsign * ([w in the gate] * (inside + inside_over_scale / a) + over_scale / a).
/// The gate is |w| <= 1, or |w| < 1 where `open`.
struct SignRule {
  float inside = 1.0F;
  float inside_over_scale = 0.0F;
  float over_scale = 0.0F;
  bool open = false;

  BNAS_HD float gradient(float dsign, float w, float scale) const {
    const float a = scale < kLeastScale ? kLeastScale : scale;
    const float size = std::fabs(w);
    const bool gate = open ? size < 1.0F : size <= 1.0F;
    return dsign * ((gate ? inside + inside_over_scale / a : 0.0F) + over_scale / a);
  }
};

/// Gradients of a latent weight and of what it is multiplied with.
struct WeightGradients {
  float weight = 0.0F;
  float partner = 0.0F;
};

/// PCNN (Gu et al. 2019): the projection loss lambda / 2 |C^ - W o (C + eta delta)|^2 is added to the task's.
struct ProjectionRule {
  float lambda = 1e-4F;
  float eta = 0.025F;  ///< the learning rate of the weights

  /// Of weight c and its entry p of the projection, where c^ = scale * sign(p c): equations 3.50 to 3.56 of the PCNN
  /// chapter, one term each.
  BNAS_HD WeightGradients gradients(float dsign, float c, float p, float scale) const {
    const float a = scale < kLeastScale ? kLeastScale : scale;
    const float product = p * c;
    const float delta = dsign / a;
    const float moved = c + eta * delta;
    const float residual = p * moved - (product < 0.0F ? -a : a);
    const float task = std::fabs(product) <= 1.0F ? delta : 0.0F;
    return {task * p + lambda * residual * p, task * c + lambda * residual * moved};
  }
};

/// The scalar form: w^ = unit |m| sign(w), with one learned amplitude m per filter.
struct AmplitudeRule {
  float unit = 0.02F;
  float lambda = 1e-4F;

  BNAS_HD WeightGradients gradients(float dsign, float w, float m) const {
    const float size = std::fabs(m) < kLeastScale ? kLeastScale : std::fabs(m);
    const float g = dsign / (unit * size);
    const float direction = w < 0.0F ? -unit : unit;
    const float residual = w - direction * size;
    return {g * size + lambda * residual, g * w - lambda * residual * direction};
  }
};

}  // namespace bnas
