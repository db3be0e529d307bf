// SPDX-License-Identifier: Apache-2.0
// Forward batch norm: the same vector expression gives values and, without storing them, their signs.
#include <numeric>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/norm.hpp"
#include "bnas/portable/batch_norm.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/batch_norm.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/binarize-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

HWY_INLINE FloatVec affine(const AffineParams& params, FloatVec v, std::int64_t i) {
  return fused_multiply_add(hn::Sub(v, load_floats(params.mean.data() + i)), load_floats(params.scale.data() + i),
                            load_floats(params.beta.data() + i));
}

/// By vectors of a period, whose parameters stay in registers; as many periods at a time as stay in the cache.
template <class T>
void apply_rows(const Tensor& x, const AffineParams& params, float* y) {
  constexpr std::int64_t kCached = 4096;
  const T* from = x.data<T>();
  const std::int64_t n = x.numel(), lanes = static_cast<std::int64_t>(float_lanes());
  const std::int64_t chunk = std::max<std::int64_t>(1, kCached / params.period) * params.period;
  for (std::int64_t first = 0; first < n; first += chunk) {
    const std::int64_t end = std::min(n, first + chunk);
    for (std::int64_t v = 0; v < params.period; v += lanes) {
      const FloatVec mean = load_floats(params.mean.data() + v), scale = load_floats(params.scale.data() + v),
                     beta = load_floats(params.beta.data() + v);
      const std::int64_t width = std::min(lanes, params.period - v);
      for (std::int64_t i = first + v; i < end; i += params.period) {
        const FloatVec value = fused_multiply_add(hn::Sub(load_floats(from + i), mean), scale, beta);
        store_floats(value, y + i, static_cast<std::size_t>(std::min(width, end - i)));
      }
    }
  }
}

void apply_affine(const Tensor& x, const AffineParams& params, float* y) {
  switch (x.dtype()) {
    case DType::i32:
      return apply_rows<std::int32_t>(x, params, y);
    case DType::i16:
      return apply_rows<std::int16_t>(x, params, y);
    case DType::i8:
      return apply_rows<std::int8_t>(x, params, y);
    default:
      return apply_rows<float>(x, params, y);
  }
}

template <class T>
void sign_rows(const Tensor& x, const AffineParams& params, Word* bits, Word* mask) {
  binarize_rows(
      x.data<T>(), x.shape().rows(), x.shape().channels(),
      [&](FloatVec v, std::int64_t c) HWY_ATTR { return affine(params, v, c); }, bits, mask);
}

void sign_of_affine(const Tensor& x, const AffineParams& params, Word* bits, Word* mask) {
  switch (x.dtype()) {
    case DType::i32:
      return sign_rows<std::int32_t>(x, params, bits, mask);
    case DType::i16:
      return sign_rows<std::int16_t>(x, params, bits, mask);
    case DType::i8:
      return sign_rows<std::int8_t>(x, params, bits, mask);
    default:
      return sign_rows<float>(x, params, bits, mask);
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(apply_affine);
HWY_EXPORT(sign_of_affine);

namespace {

/// Rows per period: a whole number of vectors, where that is short.
std::int64_t rows_per_period(std::int64_t channels) {
  const std::int64_t rows = kMaxLanes / std::gcd(channels, kMaxLanes);
  return rows * channels <= 4096 ? rows : 1;
}

AffineParams affine_params(const char* op, const Tensor& x, NormStatistics& statistics, const Tensor& gamma,
                           const Tensor& beta, float eps, std::int64_t repeats) {
  expect_number(op, "x", x);
  const std::int64_t channels = x.shape().channels();
  const Shape per_channel{channels};
  finish_statistics(op, x.shape().rows(), channels, statistics);
  expect(op, "gamma", gamma, DType::f32, per_channel);
  expect(op, "beta", beta, DType::f32, per_channel);
  const auto size = static_cast<std::size_t>(repeats * channels + kMaxLanes);
  AffineParams params{std::vector<float>(size), std::vector<float>(size), std::vector<float>(size), repeats * channels};
  for (std::int64_t i = 0; i < params.period; ++i) {
    const std::int64_t c = i % channels;
    const auto at = static_cast<std::size_t>(i);
    if (i >= channels) {
      params.mean[at] = params.mean[static_cast<std::size_t>(c)];
      params.scale[at] = params.scale[static_cast<std::size_t>(c)];
      params.beta[at] = params.beta[static_cast<std::size_t>(c)];
      continue;
    }
    params.mean[at] = statistics.mean.data<float>()[c];
    params.scale[at] = gamma.data<float>()[c] * reciprocal_std(statistics.variance.data<float>()[c], eps);
    params.beta[at] = beta.data<float>()[c];
  }
  return params;
}

}  // namespace

void batch_norm_apply(Stream& /*stream*/, const Tensor& x, NormStatistics& statistics, const Tensor& gamma,
                      const Tensor& beta, float eps, Tensor& y) {
  const AffineParams params =
      affine_params("batch_norm_apply", x, statistics, gamma, beta, eps, rows_per_period(x.shape().channels()));
  expect("batch_norm_apply", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(apply_affine)(x, params, y.data<float>());
}

void batch_norm_sign(Stream& /*stream*/, const Tensor& x, NormStatistics& statistics, const Tensor& gamma,
                     const Tensor& beta, float eps, Tensor& bits, Tensor& mask) {
  const AffineParams params = affine_params("batch_norm_sign", x, statistics, gamma, beta, eps, 1);
  expect("batch_norm_sign", "bits", bits, DType::bit, x.shape());
  if (mask.defined()) {
    expect("batch_norm_sign", "mask", mask, DType::bit, x.shape());
  }
  HWY_DYNAMIC_DISPATCH(sign_of_affine)(x, params, bits.data<Word>(), mask.defined() ? mask.data<Word>() : nullptr);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
