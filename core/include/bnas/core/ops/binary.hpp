// SPDX-License-Identifier: Apache-2.0
// Binarization and binary layers. Latent weights are f32; a binary operation takes them through sign() first.
#pragma once

#include <string_view>

#include "bnas/core/ops/geometry.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/portable/pseudo_gradient.hpp"

namespace bnas::ops {

/// "ste_sign" and so on; parse refuses other names with the nearest one (usage Error).
const char* pseudo_gradient_name(PseudoGradient kind);
PseudoGradient parse_pseudo_gradient(std::string_view name);

/// bits = sign(x). Keeps one bit per element for ste_sign, x itself for the others. Bits pass through unchanged.
Var sign(Context& ctx, const Var& x, PseudoGradient kind = PseudoGradient::ste_sign);

/// Integer dot products (dot_dtype) of x bits (N,H,W,C) with w bits (O,KH,KW,C). Keeps both operands as bits. With
/// `sums` the result of a training pass carries the sums of its channels, which spares the batch norm behind it a pass.
Var binary_conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry, bool sums = false);

/// One filter per channel: w bits (KH,KW,C).
Var binary_depthwise_conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry);

/// x bits (N,C), w bits (O,C) -> integer (N,O); `sums` as of binary_conv2d.
Var binary_dense(Context& ctx, const Var& x, const Var& w, bool sums = false);

/// Values of bits or integers as f32; the gradient passes unchanged.
Var to_float(Context& ctx, const Var& x);

}  // namespace bnas::ops
