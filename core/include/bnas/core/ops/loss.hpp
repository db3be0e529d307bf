// SPDX-License-Identifier: Apache-2.0
// Losses: scalar f32, the mean over the batch. Formulas: bnas/core/kernels/loss.hpp.
#pragma once

#include "bnas/core/tape.hpp"

namespace bnas::ops {

Var squared_hinge(Context& ctx, const Var& logits, const Tensor& labels);
Var softmax_cross_entropy(Context& ctx, const Var& logits, const Tensor& labels, float smoothing = 0.0F);
Var l1_loss(Context& ctx, const Var& prediction, const Tensor& target);
Var mse_loss(Context& ctx, const Var& prediction, const Tensor& target);
Var pairwise_loss(Context& ctx, const Var& prediction, const Tensor& target);

}  // namespace bnas::ops
