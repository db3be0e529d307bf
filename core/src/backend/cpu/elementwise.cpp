// SPDX-License-Identifier: Apache-2.0
// Maps of floats: one vector loop each, no element depends on another.
#include "backend/cpu/elementwise.hpp"

#include "backend/cpu/checks.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

void fill_floats(std::int64_t n, float value, float* y) {
  const FloatVec v = hn::Set(FloatTag(), value);
  map_floats(n, y, false, [&](std::int64_t) HWY_ATTR { return v; });
}

template <class T>
void convert(std::int64_t n, const T* x, float* y) {
  map_floats(n, y, false, [&](std::int64_t i) HWY_ATTR { return load_floats(x + i); });
}

void bits_to_floats(std::int64_t rows, std::int64_t channels, const Word* x, float* y) {
  const std::int64_t words = words_for(channels);
  for (std::int64_t r = 0; r < rows; ++r) {
    const Word* row = x + r * words;
    map_floats(channels, y + r * channels, false, [&](std::int64_t c) HWY_ATTR {
      return bit_values(row[c / kWordBits] >> static_cast<unsigned>(c % kWordBits));
    });
  }
}

void convert_to_floats(const Tensor& x, float* y) {
  switch (x.dtype()) {
    case DType::f32:
      return convert(x.numel(), x.data<float>(), y);
    case DType::i32:
      return convert(x.numel(), x.data<std::int32_t>(), y);
    case DType::i16:
      return convert(x.numel(), x.data<std::int16_t>(), y);
    case DType::i8:
      return convert(x.numel(), x.data<std::int8_t>(), y);
    case DType::u8:
      return convert(x.numel(), x.data<std::uint8_t>(), y);
    case DType::bit:
      return bits_to_floats(x.shape().rows(), x.shape().channels(), x.data<Word>(), y);
  }
}

void add_floats(std::int64_t n, const float* a, const float* b, float* y) {
  map_floats(n, y, false, [&](std::int64_t i) HWY_ATTR { return hn::Add(load_floats(a + i), load_floats(b + i)); });
}

void scale_floats(std::int64_t n, const float* x, float factor, float* y, bool accumulate) {
  const FloatVec f = hn::Set(FloatTag(), factor);
  map_floats(n, y, accumulate, [&](std::int64_t i) HWY_ATTR { return hn::Mul(f, load_floats(x + i)); });
}

void sigmoid_floats(std::int64_t n, const float* x, float* y) {
  const FloatTag d;
  const FloatVec one = hn::Set(d, 1.0F);
  map_floats(n, y, false, [&](std::int64_t i) HWY_ATTR {
    return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(load_floats(x + i)))));
  });
}

void sigmoid_gradient(std::int64_t n, const float* dy, const float* y, float* dx, bool accumulate) {
  const FloatVec one = hn::Set(FloatTag(), 1.0F);
  map_floats(n, dx, accumulate, [&](std::int64_t i) HWY_ATTR {
    const FloatVec v = load_floats(y + i);
    return hn::Mul(load_floats(dy + i), hn::Mul(v, hn::Sub(one, v)));
  });
}

void relu_floats(std::int64_t n, const float* x, float* y) {
  map_floats(n, y, false, [&](std::int64_t i) HWY_ATTR {
    const FloatVec v = load_floats(x + i);
    return hn::IfThenZeroElse(hn::Lt(v, hn::Zero(FloatTag())), v);  // NaN passes, so that divergence shows
  });
}

void relu_gradient(std::int64_t n, const float* dy, const float* y, float* dx, bool accumulate) {
  map_floats(n, dx, accumulate, [&](std::int64_t i) HWY_ATTR {
    return hn::IfThenElseZero(hn::Gt(load_floats(y + i), hn::Zero(FloatTag())), load_floats(dy + i));
  });
}

void add_bias_floats(std::int64_t rows, std::int64_t channels, const float* x, const float* bias, float* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    add_floats(channels, x + r * channels, bias, y + r * channels);
  }
}

/// Column sums in double, in row order.
void sum_columns(std::int64_t rows, std::int64_t channels, const float* x, float* y, bool accumulate) {
  const DoubleTag dd;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(dd));
  for (std::int64_t c = 0; c < channels; c += lanes) {
    auto sum = hn::Zero(dd);
    for (std::int64_t r = 0; r < rows; ++r) {
      sum = hn::Add(sum, load_doubles(x + r * channels + c));
    }
    HWY_ALIGN double sums[hn::MaxLanes(DoubleTag())];
    hn::Store(sum, dd, sums);
    for (std::int64_t i = 0; i < std::min(lanes, channels - c); ++i) {
      const auto column = static_cast<float>(sums[i]);
      y[c + i] = accumulate ? y[c + i] + column : column;
    }
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(fill_floats);
HWY_EXPORT(convert_to_floats);
HWY_EXPORT(add_floats);
HWY_EXPORT(scale_floats);
HWY_EXPORT(sigmoid_floats);
HWY_EXPORT(sigmoid_gradient);
HWY_EXPORT(relu_floats);
HWY_EXPORT(relu_gradient);
HWY_EXPORT(add_bias_floats);
HWY_EXPORT(sum_columns);

void fill(Stream& /*stream*/, Tensor& y, float value) {
  expect("fill", "y", y, DType::f32);
  HWY_DYNAMIC_DISPATCH(fill_floats)(y.numel(), value, y.data<float>());
}

void copy(Stream& /*stream*/, const Tensor& x, Tensor& y) {
  expect("copy", "y", y, x.dtype(), x.shape());
  if (x.bytes() != 0 && x.raw() != y.raw()) {
    std::memcpy(y.raw(), x.raw(), x.bytes());
  }
}

void to_float(Stream& /*stream*/, const Tensor& x, Tensor& y) {
  expect("to_float", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(convert_to_floats)(x, y.data<float>());
}

void add(Stream& /*stream*/, const Tensor& a, const Tensor& b, Tensor& y) {
  expect("add", "a", a, DType::f32);
  expect("add", "b", b, DType::f32, a.shape());
  expect("add", "y", y, DType::f32, a.shape());
  HWY_DYNAMIC_DISPATCH(add_floats)(a.numel(), a.data<float>(), b.data<float>(), y.data<float>());
}

void scale(Stream& /*stream*/, const Tensor& x, float factor, Tensor& y, GradMode mode) {
  expect("scale", "x", x, DType::f32);
  expect("scale", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(scale_floats)
  (x.numel(), x.data<float>(), factor, y.data<float>(), mode == GradMode::accumulate);
}

void sigmoid(Stream& /*stream*/, const Tensor& x, Tensor& y) {
  expect("sigmoid", "x", x, DType::f32);
  expect("sigmoid", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(sigmoid_floats)(x.numel(), x.data<float>(), y.data<float>());
}

void sigmoid_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& y, Tensor& dx, GradMode mode) {
  expect("sigmoid_backward", "y", y, DType::f32);
  expect("sigmoid_backward", "dy", dy, DType::f32, y.shape());
  expect("sigmoid_backward", "dx", dx, DType::f32, y.shape());
  HWY_DYNAMIC_DISPATCH(sigmoid_gradient)
  (y.numel(), dy.data<float>(), y.data<float>(), dx.data<float>(), mode == GradMode::accumulate);
}

void relu(Stream& /*stream*/, const Tensor& x, Tensor& y) {
  expect("relu", "x", x, DType::f32);
  expect("relu", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(relu_floats)(x.numel(), x.data<float>(), y.data<float>());
}

void relu_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& y, Tensor& dx, GradMode mode) {
  expect("relu_backward", "y", y, DType::f32);
  expect("relu_backward", "dy", dy, DType::f32, y.shape());
  expect("relu_backward", "dx", dx, DType::f32, y.shape());
  HWY_DYNAMIC_DISPATCH(relu_gradient)
  (y.numel(), dy.data<float>(), y.data<float>(), dx.data<float>(), mode == GradMode::accumulate);
}

void add_bias(Stream& /*stream*/, const Tensor& x, const Tensor& bias, Tensor& y) {
  expect("add_bias", "x", x, DType::f32);
  expect("add_bias", "bias", bias, DType::f32, Shape{x.shape().channels()});
  expect("add_bias", "y", y, DType::f32, x.shape());
  HWY_DYNAMIC_DISPATCH(add_bias_floats)
  (x.shape().rows(), x.shape().channels(), x.data<float>(), bias.data<float>(), y.data<float>());
}

void sum_rows(Stream& /*stream*/, const Tensor& dy, Tensor& dbias, GradMode mode) {
  expect("sum_rows", "dy", dy, DType::f32);
  expect("sum_rows", "dbias", dbias, DType::f32, Shape{dy.shape().channels()});
  HWY_DYNAMIC_DISPATCH(sum_columns)
  (dy.shape().rows(), dy.shape().channels(), dy.data<float>(), dbias.data<float>(), mode == GradMode::accumulate);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
