// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/tape.hpp"
#include "bnas/portable/pseudo_gradient.hpp"

namespace bnas::ops {

/// Running statistics of one batch norm: f32 (C), updated in training (kernels::BatchNormStats).
struct RunningStats {
  Tensor mean;      ///< starts at 0
  Tensor variance;  ///< starts at 1
};

struct BatchNormOptions {
  float eps = 1e-5F;
  float momentum = 0.9F;  ///< weight of the old running value
};

/// Per-channel batch norm of x (..., C), f32 or integer, to f32. Training uses and updates batch statistics, made from
/// x.sums where x carries them, to the same bits; eval the running ones. Keeps x as it came (integers stay integers),
/// 2C floats of statistics, and gamma.
Var batch_norm(Context& ctx, const Var& x, const Var& gamma, const Var& beta, RunningStats& stats,
               const BatchNormOptions& options = {});

/// sign(batch_norm(x)) in one pass: the floats between are never stored. Keeps x and one mask bit per element.
/// Equal, bit for bit, to the two operations in sequence. Only ste_sign.
Var batch_norm_sign(Context& ctx, const Var& x, const Var& gamma, const Var& beta, RunningStats& stats,
                    const BatchNormOptions& options = {});

/// What follows the batch norm of batch_norm_prelu.
struct PreluTail {
  Var shortcut{};  ///< f32 of x's shape, added; undefined: none
  Var slope{};     ///< f32 (C)
  Var gain{};      ///< f32 (C), multiplies the result; undefined: none
};

/// gain * prelu(batch_norm(x) + shortcut), as it stands behind a binary convolution. Keeps x as it came and the
/// shortcut: the sum before the PReLU, always real, is computed anew for backward.
Var batch_norm_prelu(Context& ctx, const Var& x, const Var& gamma, const Var& beta, RunningStats& stats,
                     const PreluTail& tail, const BatchNormOptions& options = {});

}  // namespace bnas::ops
