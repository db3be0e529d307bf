// SPDX-License-Identifier: Apache-2.0
// Kernel tags: binary weights with amplitudes, and the gradients of their latent weights. A filter is w[o] of w
// (O,KH,KW,C) or (O,C), or channel c of depthwise w (KH,KW,C); n is its number of weights. All f32.
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/portable/weight_rules.hpp"

namespace bnas::kernels {

/// scale = mean of |w| over each filter (scale has as many entries as filters), or over all of w (scale has one entry);
/// sums in double, in a fixed order.
struct FilterScale {
  static constexpr const char* name = "filter_scale";
  using Signature = void(Stream&, const Tensor& w, Tensor& scale);
};

/// dw (+)= gain * sign(w) / n * dscale of its filter, sign(0) = +1.
struct FilterScaleBackward {
  static constexpr const char* name = "filter_scale_backward";
  using Signature = void(Stream&, const Tensor& dscale, const Tensor& w, float gain, Tensor& dw, GradMode mode);
};

/// dw (+)= what SignRule says, from dsign, the latent weights and the amplitudes of their filters.
struct LatentBackward {
  static constexpr const char* name = "latent_backward";
  using Signature = void(Stream&, const Tensor& dsign, const Tensor& w, const Tensor& scale, const SignRule& rule,
                         Tensor& dw, GradMode mode);
};

/// y = w o p, each plane of channels times its tap of p (KH,KW).
struct ProjectWeights {
  static constexpr const char* name = "project_weights";
  using Signature = void(Stream&, const Tensor& w, const Tensor& p, Tensor& y);
};

/// Gradients that ProjectionRule says; scale has one entry. dp (KH,KW) is summed over all filters and channels, in
/// double and in a fixed order.
struct ProjectionBackward {
  static constexpr const char* name = "projection_backward";
  using Signature = void(Stream&, const Tensor& dsign, const Tensor& w, const Tensor& p, const Tensor& scale,
                         const ProjectionRule& rule, Tensor& dw, GradMode w_mode, Tensor& dp, GradMode p_mode);
};

/// Gradients that AmplitudeRule says; m and dm have an entry per filter. dm is summed over the filter, in double and in
/// a fixed order.
struct AmplitudeBackward {
  static constexpr const char* name = "amplitude_backward";
  using Signature = void(Stream&, const Tensor& dsign, const Tensor& w, const Tensor& m, const AmplitudeRule& rule,
                         Tensor& dw, GradMode w_mode, Tensor& dm, GradMode m_mode);
};

/// In place: subtracts from each tap of each filter of w (O,KH,KW,C) its mean over C, then clamps to [-1, 1].
struct CenterWeights {
  static constexpr const char* name = "center_weights";
  using Signature = void(Stream&, Tensor& w);
};

}  // namespace bnas::kernels
