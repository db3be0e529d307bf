// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/checks.hpp"
#include "backend/cpu/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/sign.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/binarize-inl.hpp"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

template <class T>
void sign_rows(const Tensor& x, Word* bits, Word* mask) {
  binarize_rows(
      x.data<T>(), x.shape().rows(), x.shape().channels(), [](FloatVec v, std::int64_t) HWY_ATTR { return v; }, bits,
      mask);
}

// Conversion of a large i32 to float rounds, but changes neither its sign nor whether it lies in [-1, 1].
void sign_to_bits(const Tensor& x, Word* bits, Word* mask) {
  switch (x.dtype()) {
    case DType::i32:
      return sign_rows<std::int32_t>(x, bits, mask);
    case DType::i16:
      return sign_rows<std::int16_t>(x, bits, mask);
    case DType::i8:
      return sign_rows<std::int8_t>(x, bits, mask);
    default:
      return sign_rows<float>(x, bits, mask);
  }
}

void keep_masked(std::int64_t rows, std::int64_t channels, const float* dy, const Word* mask, float* dx,
                 bool accumulate) {
  const std::int64_t words = words_for(channels);
  for (std::int64_t r = 0; r < rows; ++r) {
    const Word* row = mask + r * words;
    map_floats(channels, dx + r * channels, accumulate, [&](std::int64_t c) HWY_ATTR {
      const Word word = row[c / kWordBits] >> static_cast<unsigned>(c % kWordBits);
      return hn::IfThenElseZero(mask_of(word), load_floats(dy + r * channels + c));
    });
  }
}

void ste_sign_gradient(std::int64_t n, const float* dy, const float* x, float* dx, bool accumulate) {
  const FloatVec one = hn::Set(FloatTag(), 1.0F);
  map_floats(n, dx, accumulate, [&](std::int64_t i) HWY_ATTR {
    return hn::IfThenElseZero(hn::Le(hn::Abs(load_floats(x + i)), one), load_floats(dy + i));
  });
}

void approx_sign_gradient(std::int64_t n, const float* dy, const float* x, float* dx, bool accumulate) {
  const FloatVec one = hn::Set(FloatTag(), 1.0F);
  const FloatVec two = hn::Set(FloatTag(), 2.0F);
  map_floats(n, dx, accumulate, [&](std::int64_t i) HWY_ATTR {
    const FloatVec magnitude = hn::Abs(load_floats(x + i));
    const FloatVec slope = hn::IfThenElseZero(hn::Lt(magnitude, one), hn::Sub(two, hn::Mul(two, magnitude)));
    return hn::Mul(load_floats(dy + i), slope);
  });
}

/// With e = exp(-z): tanh(z / 2) = (1 - e) / (1 + e) and 1 + cosh z = (1 + e)^2 / (2 e), so that one exponential, which
/// cannot overflow, serves pseudo_gradient's formula.
void swish_sign_gradient(std::int64_t n, const float* dy, const float* x, float* dx, bool accumulate) {
  const FloatTag d;
  const FloatVec one = hn::Set(d, 1.0F);
  const FloatVec two = hn::Set(d, 2.0F);
  const FloatVec beta = hn::Set(d, kSwishBeta);
  const FloatVec farthest = hn::Set(d, 80.0F);
  map_floats(n, dx, accumulate, [&](std::int64_t i) HWY_ATTR {
    const FloatVec z = hn::Mul(beta, hn::Abs(load_floats(x + i)));
    const FloatVec e = hn::Exp(d, hn::Neg(z));
    const FloatVec sum = hn::Add(one, e);
    const FloatVec rise = hn::Sub(two, hn::Mul(z, hn::Div(hn::Sub(one, e), sum)));
    const FloatVec slope = hn::Div(hn::Mul(hn::Mul(beta, rise), hn::Mul(two, e)), hn::Mul(sum, sum));
    return hn::Mul(load_floats(dy + i), hn::IfThenZeroElse(hn::Gt(z, farthest), slope));
  });
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(sign_to_bits);
HWY_EXPORT(keep_masked);
HWY_EXPORT(ste_sign_gradient);
HWY_EXPORT(approx_sign_gradient);
HWY_EXPORT(swish_sign_gradient);

void sign(Stream& /*stream*/, const Tensor& x, Tensor& bits, Tensor& mask) {
  expect_number("sign", "x", x);
  expect("sign", "bits", bits, DType::bit, x.shape());
  if (mask.defined()) {
    expect("sign", "mask", mask, DType::bit, x.shape());
  }
  HWY_DYNAMIC_DISPATCH(sign_to_bits)(x, bits.data<Word>(), mask.defined() ? mask.data<Word>() : nullptr);
}

void mask_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& mask, Tensor& dx, GradMode mode) {
  expect("mask_backward", "dy", dy, DType::f32);
  expect("mask_backward", "mask", mask, DType::bit, dy.shape());
  expect("mask_backward", "dx", dx, DType::f32, dy.shape());
  HWY_DYNAMIC_DISPATCH(keep_masked)
  (dy.shape().rows(), dy.shape().channels(), dy.data<float>(), mask.data<Word>(), dx.data<float>(),
   mode == GradMode::accumulate);
}

void binarize_weights(Stream& stream, std::span<const LatentWeights> layers) {
  for (LatentWeights layer : layers) {
    sign(stream, layer.latent, layer.bits, layer.mask);
  }
}

void mask_gradients(Stream& stream, std::span<const LatentWeights> layers) {
  for (LatentWeights layer : layers) {
    mask_backward(stream, layer.grad, layer.mask, layer.grad, GradMode::overwrite);
  }
}

void sign_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& x, PseudoGradient kind, Tensor& dx,
                   GradMode mode) {
  expect("sign_backward", "x", x, DType::f32);
  expect("sign_backward", "dy", dy, DType::f32, x.shape());
  expect("sign_backward", "dx", dx, DType::f32, x.shape());
  const std::int64_t n = x.numel();
  const bool accumulate = mode == GradMode::accumulate;
  switch (kind) {
    case PseudoGradient::ste_sign:
      return HWY_DYNAMIC_DISPATCH(ste_sign_gradient)(n, dy.data<float>(), x.data<float>(), dx.data<float>(),
                                                     accumulate);
    case PseudoGradient::approx_sign:
      return HWY_DYNAMIC_DISPATCH(approx_sign_gradient)(n, dy.data<float>(), x.data<float>(), dx.data<float>(),
                                                        accumulate);
    case PseudoGradient::swish_sign:
      return HWY_DYNAMIC_DISPATCH(swish_sign_gradient)(n, dy.data<float>(), x.data<float>(), dx.data<float>(),
                                                       accumulate);
  }
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
