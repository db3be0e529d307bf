// SPDX-License-Identifier: Apache-2.0
// Binary filters of a sign and an amplitude, whose latent weights are trained by more than the straight-through
// estimator. Latent weights are f32 (O,KH,KW,C), (O,C) of dense layers, or depthwise (KH,KW,C)
// with one filter per channel.
#pragma once

#include "bnas/core/tape.hpp"
#include "bnas/portable/weight_rules.hpp"

namespace bnas::ops {

/// Whose weights share an amplitude.
enum class ScaleScope : std::uint8_t { filter, layer };

/// Mean of |w| over each filter (one entry per filter), or over the layer (one entry). Its gradient reaches w times
/// `gain`, that is gain * sign(w) / n * dscale; with gain 0 the amplitude is a constant.
Var filter_scale(Context& ctx, const Var& w, ScaleScope scope, float gain);

/// bits = sign(w); the gradient is that of `rule` with the amplitudes `scale` (one entry per filter, or one).
Var latent_sign(Context& ctx, const Var& w, const Tensor& scale, const SignRule& rule);

/// bits = sign(p o w) with a learned matrix p f32 (KH,KW) that multiplies every plane of w; scale has one entry.
Var projected_sign(Context& ctx, const Var& w, const Var& p, const Tensor& scale, const ProjectionRule& rule);

/// bits = sign(w) of filters with learned amplitudes m f32, one per filter.
Var amplitude_sign(Context& ctx, const Var& w, const Var& m, const AmplitudeRule& rule);

}  // namespace bnas::ops
