// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/loss.hpp"

#include <fmt/format.h>

#include "bnas/core/kernels/conv.hpp"
#include "bnas/core/kernels/loss.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

/// Runs a loss kernel, which yields the loss and its gradient together, and keeps the gradient alone.
template <class Kernel, class... Args>
Var loss_of(Context& ctx, const Var& prediction, const Args&... args) {
  Tensor loss(ctx.stream, Shape{}, DType::f32);
  Tensor grad(ctx.stream, prediction.shape(), DType::f32);
  dispatch<Kernel>(ctx.stream, prediction.value, args..., loss, grad);
  return ctx.record(Kernel::name, std::move(loss), {prediction}, {grad}, [](BackwardContext& bw) {
    // dx (+)= grad * dy with dy a scalar on the device: a matrix product (n,1)(1,1), so that the host need not wait.
    GradSlot slot = bw.dx(0);
    const Shape column{slot.tensor.numel(), 1};
    Tensor dx = slot.tensor.reshaped(column);
    dispatch<kernels::Gemm>(bw.stream(), bw.saved(0).reshaped(column), false, bw.dy().reshaped({1, 1}), false, dx,
                            slot.mode);
  });
}

void require_labels(const char* op, const Var& logits, const Tensor& labels) {
  require_dtype(op, "logits", logits.value, {DType::f32});
  require_rank(op, "logits", logits.value, 2);
  require_dtype(op, "labels", labels, {DType::i32});
  require_shape(op, "labels", labels, {logits.shape()[0]});
}

void require_target(const char* op, const Var& prediction, const Tensor& target) {
  require_dtype(op, "prediction", prediction.value, {DType::f32});
  require_dtype(op, "target", target, {DType::f32});
  require_shape(op, "target", target, prediction.shape());
}

}  // namespace

Var squared_hinge(Context& ctx, const Var& logits, const Tensor& labels) {
  require_labels("squared_hinge", logits, labels);
  return loss_of<kernels::SquaredHinge>(ctx, logits, labels);
}

Var softmax_cross_entropy(Context& ctx, const Var& logits, const Tensor& labels, float smoothing) {
  constexpr const char* kOp = "softmax_cross_entropy";
  require_labels(kOp, logits, labels);
  if (!(smoothing >= 0.0F && smoothing < 1.0F)) {
    fail(kOp, fmt::format("label smoothing {} outside [0, 1)", smoothing));
  }
  return loss_of<kernels::SoftmaxCrossEntropy>(ctx, logits, labels, smoothing);
}

Var l1_loss(Context& ctx, const Var& prediction, const Tensor& target) {
  require_target("l1_loss", prediction, target);
  return loss_of<kernels::L1Loss>(ctx, prediction, target);
}

Var mse_loss(Context& ctx, const Var& prediction, const Tensor& target) {
  require_target("mse_loss", prediction, target);
  return loss_of<kernels::MseLoss>(ctx, prediction, target);
}

Var pairwise_loss(Context& ctx, const Var& prediction, const Tensor& target) {
  require_target("pairwise_loss", prediction, target);
  require_rank("pairwise_loss", "prediction", prediction.value, 1);
  return loss_of<kernels::PairwiseLoss>(ctx, prediction, target);
}

}  // namespace bnas::ops
