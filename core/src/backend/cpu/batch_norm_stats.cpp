// SPDX-License-Identifier: Apache-2.0
#include <vector>

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

template <class T>
void integer_sums(const T* x, std::int64_t rows, std::int64_t channels, std::int64_t* sums) {
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
    HWY_ALIGN std::int64_t some_sums[hn::MaxLanes(LongTag())];
    HWY_ALIGN std::int64_t some_squares[hn::MaxLanes(LongTag())];
    hn::Store(sum, d, some_sums);
    hn::Store(squares, d, some_squares);
    std::copy_n(some_sums, std::min(lanes, channels - c), sums + c);
    std::copy_n(some_squares, std::min(lanes, channels - c), sums + channels + c);
  }
}

/// x and x^2 of floats summed in double, where a square is exact; in row order.
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

void column_sums(const Tensor& y, std::int64_t* sums) {
  const std::int64_t rows = y.shape().rows();
  const std::int64_t channels = y.shape().channels();
  switch (y.dtype()) {
    case DType::i32:
      return integer_sums(y.data<std::int32_t>(), rows, channels, sums);
    case DType::i16:
      return integer_sums(y.data<std::int16_t>(), rows, channels, sums);
    default:
      return integer_sums(y.data<std::int8_t>(), rows, channels, sums);
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(float_moments);
HWY_EXPORT(column_sums);

namespace {

void moments_of_sums(const std::int64_t* sums, std::int64_t rows, Tensor& mean, Tensor& variance) {
  const std::int64_t channels = mean.numel();
  for (std::int64_t c = 0; c < channels; ++c) {
    const Moments moments = moments_from_sums(sums[c], sums[channels + c], rows);
    mean.data<float>()[c] = moments.mean;
    variance.data<float>()[c] = moments.variance;
  }
}

void move_running(const char* op, std::int64_t rows, const Tensor& mean, const Tensor& variance, float momentum,
                  Tensor& running_mean, Tensor& running_variance) {
  if (!running_mean.defined()) {
    return;
  }
  expect(op, "running_mean", running_mean, DType::f32, mean.shape());
  expect(op, "running_variance", running_variance, DType::f32, mean.shape());
  for (std::int64_t c = 0; c < mean.numel(); ++c) {
    float& kept_mean = running_mean.data<float>()[c];
    float& kept_variance = running_variance.data<float>()[c];
    kept_mean = moving_average(kept_mean, momentum, mean.data<float>()[c]);
    kept_variance = moving_average(kept_variance, momentum, variance.data<float>()[c] * unbiased_factor(rows));
  }
}

}  // namespace

void channel_sums(const Tensor& y, std::int64_t* sums) { HWY_DYNAMIC_DISPATCH(column_sums)(y, sums); }

void finish_statistics(const char* op, std::int64_t rows, std::int64_t channels, NormStatistics& statistics) {
  expect(op, "mean", statistics.mean, DType::f32, Shape{channels});
  expect(op, "variance", statistics.variance, DType::f32, Shape{channels});
  if (statistics.sums.defined()) {
    expect(op, "sums", statistics.sums, DType::u8, sums_shape(channels));
    check(rows > 0, op, "x has no rows, so that it has no mean");
    const auto* sums = static_cast<const std::int64_t*>(statistics.sums.raw());
    moments_of_sums(sums, rows, statistics.mean, statistics.variance);
    move_running(op, rows, statistics.mean, statistics.variance, statistics.momentum, statistics.running_mean,
                 statistics.running_variance);
  }
}

void batch_norm_stats(Stream& /*stream*/, const Tensor& x, Tensor& mean, Tensor& variance, float momentum,
                      Tensor& running_mean, Tensor& running_variance) {
  constexpr const char* kOp = "batch_norm_stats";
  expect_number(kOp, "x", x);
  const std::int64_t rows = x.shape().rows();
  const std::int64_t channels = x.shape().channels();
  expect(kOp, "mean", mean, DType::f32, Shape{channels});
  expect(kOp, "variance", variance, DType::f32, Shape{channels});
  check(rows > 0, kOp, "x has no rows, so that it has no mean");
  if (x.dtype() == DType::f32) {
    HWY_DYNAMIC_DISPATCH(float_moments)
    (x.data<float>(), rows, channels, mean.data<float>(), variance.data<float>());
  } else {
    std::vector<std::int64_t> sums(static_cast<std::size_t>(2 * channels));
    channel_sums(x, sums.data());
    moments_of_sums(sums.data(), rows, mean, variance);
  }
  move_running(kOp, rows, mean, variance, momentum, running_mean, running_variance);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
