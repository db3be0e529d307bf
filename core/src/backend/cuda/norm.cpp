// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/norm.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/cuda/batch_norm.hpp"

namespace bnas::cuda_backend {
namespace {

cuda::NormInput norm_input(const Call& call, const Tensor& x) {
  call.expect_number("x", x);
  const cuda::NumberType type = x.dtype() == DType::f32   ? cuda::NumberType::f32
                                : x.dtype() == DType::i32 ? cuda::NumberType::i32
                                : x.dtype() == DType::i16 ? cuda::NumberType::i16
                                                          : cuda::NumberType::i8;
  return {x.raw(), type, x.shape().rows(), x.shape().channels()};
}

cuda::KnownMoments moments_of(const Call& call, const Tensor& x, const Tensor& mean, const Tensor& variance) {
  const Shape per_channel{x.shape().channels()};
  call.expect("mean", mean, DType::f32, per_channel);
  call.expect("variance", variance, DType::f32, per_channel);
  return {mean.data<float>(), variance.data<float>()};
}

cuda::NormScale scale_of(const Call& call, const Tensor& x, const Tensor& gamma, const Tensor& beta, float eps) {
  const Shape per_channel{x.shape().channels()};
  call.expect("gamma", gamma, DType::f32, per_channel);
  call.expect("beta", beta, DType::f32, per_channel);
  return {gamma.data<float>(), beta.data<float>(), eps};
}

cuda::NormGradient gradient(const Call& call, const char* name, const Tensor& tensor, const Shape& shape,
                            GradMode mode) {
  if (tensor.defined()) {
    call.expect(name, tensor, DType::f32, shape);
  }
  return {data_or_null<float>(tensor), mode == GradMode::accumulate};
}

cuda::BatchMoments batch_moments(const Call& call, const Tensor& x, const Tensor& mean, const Tensor& variance,
                                 float momentum, const Tensor& running_mean, const Tensor& running_variance) {
  moments_of(call, x, mean, variance);
  if (running_mean.defined()) {
    moments_of(call, x, running_mean, running_variance);
  }
  return {mean.data<float>(), variance.data<float>(), momentum, data_or_null<float>(running_mean),
          data_or_null<float>(running_variance)};
}

/// Calls launch(moments) with known moments, or with sums of which the kernel makes them.
template <class Launch>
void with_statistics(const Call& call, const Tensor& x, const NormStatistics& s, Launch launch) {
  if (!s.sums.defined()) {
    return call.require(launch(moments_of(call, x, s.mean, s.variance)));
  }
  call.expect("sums", s.sums, DType::u8, sums_shape(x.shape().channels()));
  call.require(launch(
      cuda::BatchSums{static_cast<const std::int64_t*>(s.sums.raw()),
                      batch_moments(call, x, s.mean, s.variance, s.momentum, s.running_mean, s.running_variance)}));
}

void batch_norm_stats(Stream& stream, const Tensor& x, Tensor& mean, Tensor& variance, float momentum,
                      Tensor& running_mean, Tensor& running_variance) {
  Call call("batch_norm_stats", stream);
  const cuda::NormInput input = norm_input(call, x);
  const auto moments = batch_moments(call, x, mean, variance, momentum, running_mean, running_variance);
  const cuda::Scratch scratch = call.scratch(cuda::batch_norm_stats_workspace_bytes(input));
  call.require(cuda::batch_norm_stats(input, moments, scratch, call.stream()));
}

void batch_norm_apply(Stream& stream, const Tensor& x, NormStatistics& statistics, const Tensor& gamma,
                      const Tensor& beta, float eps, Tensor& y) {
  const Call call("batch_norm_apply", stream);
  const cuda::NormInput input = norm_input(call, x);
  call.expect("y", y, DType::f32, x.shape());
  const cuda::NormScale scale = scale_of(call, x, gamma, beta, eps);
  with_statistics(call, x, statistics, [&](const auto& moments) {
    return cuda::batch_norm_apply(input, moments, scale, y.data<float>(), call.stream());
  });
}

void batch_norm_sign(Stream& stream, const Tensor& x, NormStatistics& statistics, const Tensor& gamma,
                     const Tensor& beta, float eps, Tensor& bits, Tensor& mask) {
  const Call call("batch_norm_sign", stream);
  const cuda::NormInput input = norm_input(call, x);
  call.expect("bits", bits, DType::bit, x.shape());
  if (mask.defined()) {
    call.expect("mask", mask, DType::bit, x.shape());
  }
  const cuda::NormScale scale = scale_of(call, x, gamma, beta, eps);
  with_statistics(call, x, statistics, [&](const auto& moments) {
    return cuda::batch_norm_sign(input, moments, scale, bits.data<Word>(), data_or_null<Word>(mask), call.stream());
  });
}

void batch_norm_backward(Stream& stream, const GradColumns& dy, const Tensor& mask, const Tensor& x, const Tensor& mean,
                         const Tensor& variance, const Tensor& gamma, float eps, bool frozen, Tensor& dx,
                         GradMode dx_mode, Tensor& dgamma, GradMode gamma_mode, Tensor& dbeta, GradMode beta_mode) {
  Call call("batch_norm_backward", stream);
  cuda::BatchNormBackward backward;
  backward.x = norm_input(call, x);
  if (!dy.fit(x.shape())) {
    call.unexpected("dy", dy.tensor, "columns from " + std::to_string(dy.begin) + " on of " + x.shape().text());
  }
  if (mask.defined()) {
    call.expect("mask", mask, DType::bit, x.shape());
  }
  const Shape per_channel{x.shape().channels()};
  call.expect("gamma", gamma, DType::f32, per_channel);
  backward.dy = dy.tensor.data<float>() + dy.begin;
  backward.dy_row = dy.tensor.shape().channels();
  backward.mask = data_or_null<Word>(mask);
  backward.moments = moments_of(call, x, mean, variance);
  backward.gamma = gamma.data<float>();
  backward.eps = eps;
  backward.frozen = frozen;
  backward.dx = gradient(call, "dx", dx, x.shape(), dx_mode);
  backward.dgamma = gradient(call, "dgamma", dgamma, per_channel, gamma_mode);
  backward.dbeta = gradient(call, "dbeta", dbeta, per_channel, beta_mode);
  const cuda::Scratch scratch = call.scratch(cuda::batch_norm_backward_workspace_bytes(backward));
  call.require(cuda::batch_norm_backward(backward, scratch, call.stream()));
}

}  // namespace

void register_norm(KernelTable& table) {
  table.add<kernels::BatchNormStats>(batch_norm_stats);
  table.add<kernels::BatchNormApply>(batch_norm_apply);
  table.add<kernels::BatchNormSign>(batch_norm_sign);
  table.add<kernels::BatchNormBackward>(batch_norm_backward);
}

}  // namespace bnas::cuda_backend
