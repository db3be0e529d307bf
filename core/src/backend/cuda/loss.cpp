// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/loss.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/cuda/loss.hpp"

namespace bnas::cuda_backend {
namespace {

/// Labels out of range are found on the device (DeviceError) and reported at the next synchronization.
cuda::LabelledLogits labelled_logits(const Call& call, const Tensor& logits, const Tensor& labels) {
  call.expect("logits", logits, DType::f32);
  if (logits.shape().rank() != 2) {
    call.fail("logits are " + logits.shape().text() + ", expected (N, K)");
  }
  call.expect("labels", labels, DType::i32, Shape{logits.shape()[0]});
  return {logits.data<float>(), labels.data<std::int32_t>(), logits.shape()[0], logits.shape()[1]};
}

cuda::LossResult loss_result(const Call& call, const Tensor& prediction, Tensor& loss, Tensor& grad) {
  call.expect("loss", loss, DType::f32, Shape{});
  call.expect("grad", grad, DType::f32, prediction.shape());
  return {loss.data<float>(), grad.data<float>()};
}

void squared_hinge(Stream& stream, const Tensor& logits, const Tensor& labels, Tensor& loss, Tensor& grad) {
  Call call("squared_hinge", stream);
  const cuda::LabelledLogits in = labelled_logits(call, logits, labels);
  const cuda::LossResult result = loss_result(call, logits, loss, grad);
  const cuda::Scratch scratch = call.scratch(cuda::classification_loss_workspace_bytes(in.rows));
  call.require(cuda::squared_hinge(in, result, call.error(), scratch, call.stream()));
}

void softmax_cross_entropy(Stream& stream, const Tensor& logits, const Tensor& labels, float smoothing, Tensor& loss,
                           Tensor& grad) {
  Call call("softmax_cross_entropy", stream);
  const cuda::LabelledLogits in = labelled_logits(call, logits, labels);
  const cuda::LossResult result = loss_result(call, logits, loss, grad);
  const cuda::Scratch scratch = call.scratch(cuda::classification_loss_workspace_bytes(in.rows));
  call.require(cuda::softmax_cross_entropy(in, smoothing, result, call.error(), scratch, call.stream()));
}

void count_correct(Stream& stream, const Tensor& logits, const Tensor& labels, Tensor& correct) {
  const Call call("count_correct", stream);
  const cuda::LabelledLogits in = labelled_logits(call, logits, labels);
  call.expect("correct", correct, DType::i32, Shape{});
  call.require(cuda::count_correct(in, correct.data<std::int32_t>(), call.error(), call.stream()));
}

void add_metrics(Stream& stream, const Tensor& logits, const Tensor& labels, const Tensor& loss, Tensor& loss_sum,
                 Tensor& correct) {
  const Call call("add_metrics", stream);
  const cuda::LabelledLogits in = labelled_logits(call, logits, labels);
  call.expect("loss", loss, DType::f32, Shape{});
  call.expect("loss_sum", loss_sum, DType::f32, Shape{});
  call.expect("correct", correct, DType::i32, Shape{});
  call.require(cuda::add_metrics(in, loss.data<float>(), loss_sum.data<float>(), correct.data<std::int32_t>(),
                                 call.error(), call.stream()));
}

cuda::Predictions predictions(const Call& call, const Tensor& prediction, const Tensor& target) {
  call.expect("prediction", prediction, DType::f32);
  call.expect("target", target, DType::f32, prediction.shape());
  return {prediction.data<float>(), target.data<float>(), prediction.numel()};
}

void l1_loss(Stream& stream, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad) {
  Call call("l1_loss", stream);
  const cuda::Predictions in = predictions(call, prediction, target);
  const cuda::LossResult result = loss_result(call, prediction, loss, grad);
  const cuda::Scratch scratch = call.scratch(cuda::regression_loss_workspace_bytes(in.n));
  call.require(cuda::l1_loss(in, result, scratch, call.stream()));
}

void mse_loss(Stream& stream, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad) {
  Call call("mse_loss", stream);
  const cuda::Predictions in = predictions(call, prediction, target);
  const cuda::LossResult result = loss_result(call, prediction, loss, grad);
  const cuda::Scratch scratch = call.scratch(cuda::regression_loss_workspace_bytes(in.n));
  call.require(cuda::mse_loss(in, result, scratch, call.stream()));
}

void pairwise_loss(Stream& stream, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad) {
  Call call("pairwise_loss", stream);
  const cuda::Predictions in = predictions(call, prediction, target);
  const cuda::LossResult result = loss_result(call, prediction, loss, grad);
  const cuda::Scratch scratch = call.scratch(cuda::pairwise_loss_workspace_bytes(in.n));
  call.require(cuda::pairwise_loss(in, result, scratch, call.stream()));
}

}  // namespace

void register_loss(KernelTable& table) {
  table.add<kernels::SquaredHinge>(squared_hinge);
  table.add<kernels::SoftmaxCrossEntropy>(softmax_cross_entropy);
  table.add<kernels::L1Loss>(l1_loss);
  table.add<kernels::MseLoss>(mse_loss);
  table.add<kernels::PairwiseLoss>(pairwise_loss);
  table.add<kernels::CountCorrect>(count_correct);
  table.add<kernels::AddMetrics>(add_metrics);
}

}  // namespace bnas::cuda_backend
