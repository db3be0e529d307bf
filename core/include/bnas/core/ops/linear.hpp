// SPDX-License-Identifier: Apache-2.0
// Real-valued linear operations: f32 in, f32 out. Binary weights come in as bits (stem, W1A32).
#pragma once

#include "bnas/core/ops/geometry.hpp"
#include "bnas/core/tape.hpp"

namespace bnas::ops {

/// x f32 (N,H,W,C), w f32 or bits (O,KH,KW,C).
Var conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry);
/// w f32 or bits (KH,KW,C).
Var depthwise_conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry);
/// x f32 (N,C), w f32 or bits (O,C); bias f32 (O) when given (needs `value` defined).
Var dense(Context& ctx, const Var& x, const Var& w, const Var& bias = {});

}  // namespace bnas::ops
