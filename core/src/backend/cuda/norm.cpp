// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/norm.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/cuda/batch_norm.hpp"

namespace bnas::cuda_backend {
namespace {

/// Also checks: f32 or an integer type.
cuda::NumberRows number_rows(const Call& call, const Tensor& x) {
  call.expect_number("x", x);
  const cuda::NumberType type = x.dtype() == DType::f32   ? cuda::NumberType::f32
                                : x.dtype() == DType::i32 ? cuda::NumberType::i32
                                : x.dtype() == DType::i16 ? cuda::NumberType::i16
                                                          : cuda::NumberType::i8;
  return {x.raw(), type, x.shape().rows(), static_cast<int>(x.shape().channels())};
}

cuda::BatchNormOperands operands_of(const Call& call, const Tensor& x, const Tensor& mean, const Tensor& variance,
                                    const Tensor& gamma, float eps) {
  const Shape per_channel{x.shape().channels()};
  call.expect("mean", mean, DType::f32, per_channel);
  call.expect("variance", variance, DType::f32, per_channel);
  call.expect("gamma", gamma, DType::f32, per_channel);
  return {mean.data<float>(), variance.data<float>(), gamma.data<float>(), nullptr, eps};
}

void batch_norm_stats(Stream& stream, const Tensor& x, Tensor& mean, Tensor& variance, float momentum,
                      Tensor& running_mean, Tensor& running_variance) {
  Call call("batch_norm_stats", stream);
  const cuda::NumberRows rows = number_rows(call, x);
  const Shape per_channel{x.shape().channels()};
  call.expect("mean", mean, DType::f32, per_channel);
  call.expect("variance", variance, DType::f32, per_channel);
  cuda::RunningMoments running{nullptr, nullptr, momentum};
  if (running_mean.defined()) {
    call.expect("running_mean", running_mean, DType::f32, per_channel);
    call.expect("running_variance", running_variance, DType::f32, per_channel);
    running.mean = running_mean.data<float>();
    running.variance = running_variance.data<float>();
  }
  const cuda::Scratch scratch = call.scratch(cuda::batch_norm_stats_workspace_bytes(rows));
  call.require(
      cuda::batch_norm_stats(rows, mean.data<float>(), variance.data<float>(), running, scratch, call.stream()));
}

void batch_norm_apply(Stream& stream, const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& gamma,
                      const Tensor& beta, float eps, Tensor& y) {
  const Call call("batch_norm_apply", stream);
  const cuda::NumberRows rows = number_rows(call, x);
  cuda::BatchNormOperands operands = operands_of(call, x, mean, variance, gamma, eps);
  call.expect("beta", beta, DType::f32, gamma.shape());
  operands.beta = beta.data<float>();
  call.expect("y", y, DType::f32, x.shape());
  call.require(cuda::batch_norm_apply(rows, operands, y.data<float>(), call.stream()));
}

void batch_norm_sign(Stream& stream, const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& gamma,
                     const Tensor& beta, float eps, Tensor& bits, Tensor& mask) {
  const Call call("batch_norm_sign", stream);
  const cuda::NumberRows rows = number_rows(call, x);
  cuda::BatchNormOperands operands = operands_of(call, x, mean, variance, gamma, eps);
  call.expect("beta", beta, DType::f32, gamma.shape());
  operands.beta = beta.data<float>();
  call.expect("bits", bits, DType::bit, x.shape());
  if (mask.defined()) {
    call.expect("mask", mask, DType::bit, x.shape());
  }
  call.require(cuda::batch_norm_sign(rows, operands, bits.data<Word>(), data_or_null<Word>(mask), call.stream()));
}

void batch_norm_backward(Stream& stream, const Tensor& dy, const Tensor& mask, const Tensor& x, const Tensor& mean,
                         const Tensor& variance, const Tensor& gamma, float eps, bool frozen, Tensor& dx,
                         GradMode dx_mode, Tensor& dgamma, GradMode gamma_mode, Tensor& dbeta, GradMode beta_mode) {
  Call call("batch_norm_backward", stream);
  const cuda::NumberRows rows = number_rows(call, x);
  const cuda::BatchNormOperands operands = operands_of(call, x, mean, variance, gamma, eps);
  call.expect("dy", dy, DType::f32, x.shape());
  if (mask.defined()) {
    call.expect("mask", mask, DType::bit, x.shape());
  }
  if (dx.defined()) {
    call.expect("dx", dx, DType::f32, x.shape());
  }
  for (const Tensor* optional : {&dgamma, &dbeta}) {
    if (optional->defined()) {
      call.expect("dgamma or dbeta", *optional, DType::f32, gamma.shape());
    }
  }
  const cuda::BatchNormGradients gradients{data_or_null<float>(dx),     dx_mode == GradMode::accumulate,
                                           data_or_null<float>(dgamma), gamma_mode == GradMode::accumulate,
                                           data_or_null<float>(dbeta),  beta_mode == GradMode::accumulate};
  const cuda::Scratch scratch = call.scratch(cuda::batch_norm_backward_workspace_bytes(rows.rows, rows.channels));
  call.require(cuda::batch_norm_backward(dy.data<float>(), data_or_null<Word>(mask), rows, operands, frozen, gradients,
                                         scratch, call.stream()));
}

}  // namespace

void register_norm(KernelTable& table) {
  table.add<kernels::BatchNormStats>(batch_norm_stats);
  table.add<kernels::BatchNormApply>(batch_norm_apply);
  table.add<kernels::BatchNormSign>(batch_norm_sign);
  table.add<kernels::BatchNormBackward>(batch_norm_backward);
}

}  // namespace bnas::cuda_backend
