// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/checks.hpp"
#include "backend/cpu/norm.hpp"
#include "bnas/core/error.hpp"
#include "bnas/portable/batch_norm.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/batch_norm_stats.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

using LongTag = hn::CappedTag<std::int64_t, 8>;
using IntTag = hn::Rebind<std::int32_t, LongTag>;

HWY_INLINE hn::Vec<IntTag> load_ints(const std::int32_t* from) { return hn::LoadU(IntTag(), from); }
template <class T>  // i16, i8
HWY_INLINE hn::Vec<IntTag> load_ints(const T* from) {
  return hn::PromoteTo(IntTag(), hn::LoadU(hn::Rebind<T, IntTag>(), from));
}

/// v * v of values that fit in 32 bits.
HWY_INLINE hn::Vec<LongTag> square(hn::Vec<LongTag> v) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(LongTag(), hn::GetLane(v) * hn::GetLane(v));
#else
  const auto low = hn::BitCast(hn::Repartition<std::int32_t, LongTag>(), v);
  return hn::MulEven(low, low);
#endif
}

/// Exact sums of x and x^2 per channel: 64 bits hold 2^33 rows of i16, and i32 dot products of any practical size.
template <class T>
void integer_moments(const T* x, std::int64_t rows, std::int64_t channels, float* mean, float* variance) {
  const LongTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t c = 0; c < channels; c += lanes) {
    auto sum = hn::Zero(d);
    auto squares = hn::Zero(d);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto v = hn::PromoteTo(d, load_ints(x + r * channels + c));
      sum = hn::Add(sum, v);
      squares = hn::Add(squares, square(v));
    }
    HWY_ALIGN std::int64_t sums[hn::MaxLanes(LongTag())];
    HWY_ALIGN std::int64_t sums_of_squares[hn::MaxLanes(LongTag())];
    hn::Store(sum, d, sums);
    hn::Store(squares, d, sums_of_squares);
    for (std::int64_t i = 0; i < std::min(lanes, channels - c); ++i) {
      const Moments moments = moments_from_sums(sums[i], sums_of_squares[i], rows);
      mean[c + i] = moments.mean;
      variance[c + i] = moments.variance;
    }
  }
}

/// The same of floats in double, where a square is exact; in row order.
void float_moments(const float* x, std::int64_t rows, std::int64_t channels, float* mean, float* variance) {
  const DoubleTag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t c = 0; c < channels; c += lanes) {
    auto sum = hn::Zero(d);
    auto squares = hn::Zero(d);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto v = load_doubles(x + r * channels + c);
      sum = hn::Add(sum, v);
      squares = hn::Add(squares, hn::Mul(v, v));
    }
    HWY_ALIGN double sums[hn::MaxLanes(DoubleTag())];
    HWY_ALIGN double sums_of_squares[hn::MaxLanes(DoubleTag())];
    hn::Store(sum, d, sums);
    hn::Store(squares, d, sums_of_squares);
    for (std::int64_t i = 0; i < std::min(lanes, channels - c); ++i) {
      const Moments moments = moments_from_sums(sums[i], sums_of_squares[i], rows);
      mean[c + i] = moments.mean;
      variance[c + i] = moments.variance;
    }
  }
}

void column_moments(const Tensor& x, float* mean, float* variance) {
  const std::int64_t rows = x.shape().rows();
  const std::int64_t channels = x.shape().channels();
  switch (x.dtype()) {
    case DType::i32:
      return integer_moments(x.data<std::int32_t>(), rows, channels, mean, variance);
    case DType::i16:
      return integer_moments(x.data<std::int16_t>(), rows, channels, mean, variance);
    case DType::i8:
      return integer_moments(x.data<std::int8_t>(), rows, channels, mean, variance);
    default:
      return float_moments(x.data<float>(), rows, channels, mean, variance);
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(column_moments);

void batch_norm_stats(Stream& /*stream*/, const Tensor& x, Tensor& mean, Tensor& variance, float momentum,
                      Tensor& running_mean, Tensor& running_variance) {
  expect_number("batch_norm_stats", "x", x);
  const Shape per_channel{x.shape().channels()};
  expect("batch_norm_stats", "mean", mean, DType::f32, per_channel);
  expect("batch_norm_stats", "variance", variance, DType::f32, per_channel);
  const std::int64_t rows = x.shape().rows();
  check(rows > 0, "batch_norm_stats", "x has no rows, so that it has no mean");
  HWY_DYNAMIC_DISPATCH(column_moments)(x, mean.data<float>(), variance.data<float>());
  if (!running_mean.defined()) {
    return;
  }
  expect("batch_norm_stats", "running_mean", running_mean, DType::f32, per_channel);
  expect("batch_norm_stats", "running_variance", running_variance, DType::f32, per_channel);
  for (std::int64_t c = 0; c < mean.numel(); ++c) {
    float& kept_mean = running_mean.data<float>()[c];
    float& kept_variance = running_variance.data<float>()[c];
    kept_mean = moving_average(kept_mean, momentum, mean.data<float>()[c]);
    kept_variance = moving_average(kept_variance, momentum, variance.data<float>()[c] * unbiased_factor(rows));
  }
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
