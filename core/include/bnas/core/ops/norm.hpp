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

}  // namespace bnas::ops
