// SPDX-License-Identifier: Apache-2.0
// Maps and sums with a number per channel. Rows may be shorter than vectors, so that loops run over several rows at
// once: over as many as make whole vectors in maps, over kChains in sums, whatever the instruction set.
#include <vector>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/elementwise.hpp"
#include "backend/cpu/mixture.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/channel_maps.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kChains = 8;  // rows that are summed apart, then added in order

/// y[i] (+)= f(i, factors[channel of i]) over n elements of rows of `channels`, by vectors.
template <class F>
void map_channels(std::int64_t n, std::int64_t channels, const float* factors, float* y, bool accumulate, const F& f) {
  const std::int64_t period = channels * static_cast<std::int64_t>(float_lanes());
  std::vector<float> repeated(static_cast<std::size_t>(period) + 16);  // a vector may be read past the end
  for (std::int64_t i = 0; i < period; ++i) {
    repeated[static_cast<std::size_t>(i)] = factors[i % channels];
  }
  const float* const factor = repeated.data();
  for (std::int64_t begin = 0; begin < n; begin += period) {
    map_floats(std::min(period, n - begin), y + begin, accumulate,
               [&](std::int64_t i) HWY_ATTR { return f(begin + i, load_floats(factor + i)); });
  }
}

template <class T>
void scale_numbers(std::int64_t n, std::int64_t channels, const T* x, const float* scale, float* y, bool accumulate) {
  map_channels(n, channels, scale, y, accumulate,
               [=](std::int64_t i, FloatVec s) HWY_ATTR { return hn::Mul(load_floats(x + i), s); });
}

void scale_by_channel(const Tensor& x, const float* scale, float* y, bool accumulate) {
  const std::int64_t n = x.numel(), channels = x.shape().channels();
  switch (x.dtype()) {
    case DType::i8:
      return scale_numbers(n, channels, x.data<std::int8_t>(), scale, y, accumulate);
    case DType::i16:
      return scale_numbers(n, channels, x.data<std::int16_t>(), scale, y, accumulate);
    case DType::i32:
      return scale_numbers(n, channels, x.data<std::int32_t>(), scale, y, accumulate);
    default:
      return scale_numbers(n, channels, x.data<float>(), scale, y, accumulate);
  }
}

/// y (+)= x > 0 ? values : slope * values.
void prelu_floats(std::int64_t n, std::int64_t channels, const float* values, const float* x, const float* slope,
                  float* y, bool accumulate) {
  map_channels(n, channels, slope, y, accumulate, [=](std::int64_t i, FloatVec s) HWY_ATTR {
    const FloatVec v = load_floats(values + i);
    return hn::IfThenElse(hn::Gt(load_floats(x + i), hn::Zero(FloatTag())), v, hn::Mul(v, s));
  });
}

/// sums[c] (+)= sum over rows of a * b, or of a * min(b, 0) where `negative`, in double.
void dot_floats(std::int64_t rows, std::int64_t channels, const float* a, const float* b, bool negative, float* sums,
                bool accumulate) {
  const DoubleTag dd;
  const hn::Rebind<float, DoubleTag> df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(dd));  // at most kChains, so that it divides a period
  const std::int64_t period = channels * kChains;
  std::vector<double> chains(static_cast<std::size_t>(period), 0.0);
  double* const chain = chains.data();
  const std::int64_t whole = rows / kChains * period;
  for (std::int64_t begin = 0; begin < whole; begin += period) {
    for (std::int64_t i = 0; i < period; i += lanes) {
      auto right = hn::LoadU(df, b + begin + i);
      right = negative ? hn::Min(right, hn::Zero(df)) : right;
      const auto product = hn::Mul(load_doubles(a + begin + i), hn::PromoteTo(dd, right));
      hn::StoreU(hn::Add(hn::LoadU(dd, chain + i), product), dd, chain + i);
    }
  }
  for (std::int64_t i = whole; i < rows * channels; ++i) {
    const float right = negative ? std::min(b[i], 0.0F) : b[i];
    chain[i - whole] += static_cast<double>(a[i]) * static_cast<double>(right);
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < kChains; ++k) {
      sum += chain[k * channels + c];
    }
    const auto rounded = static_cast<float>(sum);
    sums[c] = accumulate ? sums[c] + rounded : rounded;
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(scale_by_channel);
HWY_EXPORT(prelu_floats);
HWY_EXPORT(dot_floats);

void scale_channels(Stream& /*stream*/, const Tensor& x, const Tensor& scale, Tensor& y, GradMode mode) {
  expect_number("scale_channels", "x", x);
  expect("scale_channels", "scale", scale, DType::f32, Shape{x.shape().channels()});
  expect("scale_channels", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(scale_by_channel)(x, scale.data<float>(), y.data<float>(), mode == GradMode::accumulate);
}

void dot_channels(Stream& stream, const Tensor& a, const Tensor& b, Tensor& dot, GradMode mode) {
  expect("dot_channels", "a", a, DType::f32);
  expect_number("dot_channels", "b", b);
  expect("dot_channels", "dot", dot, DType::f32, Shape{a.shape().channels()});
  if (!(a.shape() == b.shape())) {
    throw_unexpected("dot_channels", "b", b, a.shape().text());
  }
  Tensor floats = b;
  if (b.dtype() != DType::f32) {
    floats = Tensor(stream, b.shape(), DType::f32);
    to_float(stream, b, floats);
  }
  HWY_DYNAMIC_DISPATCH(dot_floats)
  (a.shape().rows(), a.shape().channels(), a.data<float>(), floats.data<float>(), false, dot.data<float>(),
   mode == GradMode::accumulate);
}

void prelu(Stream& /*stream*/, const Tensor& x, const Tensor& slope, Tensor& y) {
  expect("prelu", "x", x, DType::f32);
  expect("prelu", "slope", slope, DType::f32, Shape{x.shape().channels()});
  expect("prelu", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(prelu_floats)
  (x.numel(), x.shape().channels(), x.data<float>(), x.data<float>(), slope.data<float>(), y.data<float>(), false);
}

void prelu_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& x, const Tensor& slope, Tensor& dx,
                    GradMode mode) {
  expect("prelu_backward", "x", x, DType::f32);
  expect("prelu_backward", "dy", dy, DType::f32, x.shape());
  expect("prelu_backward", "slope", slope, DType::f32, Shape{x.shape().channels()});
  expect("prelu_backward", "dx", dx, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(prelu_floats)
  (x.numel(), x.shape().channels(), dy.data<float>(), x.data<float>(), slope.data<float>(), dx.data<float>(),
   mode == GradMode::accumulate);
}

void prelu_slope_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& x, Tensor& dslope, GradMode mode) {
  expect("prelu_slope_backward", "x", x, DType::f32);
  expect("prelu_slope_backward", "dy", dy, DType::f32, x.shape());
  expect("prelu_slope_backward", "dslope", dslope, DType::f32, Shape{x.shape().channels()});
  HWY_DYNAMIC_DISPATCH(dot_floats)
  (x.shape().rows(), x.shape().channels(), dy.data<float>(), x.data<float>(), true, dslope.data<float>(),
   mode == GradMode::accumulate);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
