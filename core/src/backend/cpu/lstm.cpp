// SPDX-License-Identifier: Apache-2.0
// The pointwise part of an LSTM step. Sigmoid and tanh rest on Highway's exp and expm1; lstm_kernel_test states and
// checks their accuracy. Instruction sets without fused multiply-add may differ from the others in the last bits.
#include "backend/cpu/checks.hpp"
#include "backend/cpu/sequence.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lstm.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

HWY_INLINE FloatVec logistic(FloatVec x) {
  const FloatTag d;
  const FloatVec one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(x))));
}

/// v * (1 - v): the derivative of the sigmoid whose value is v.
HWY_INLINE FloatVec logistic_slope(FloatVec v) { return hn::Mul(v, hn::Sub(hn::Set(FloatTag(), 1.0F), v)); }

/// 1 - v * v: the derivative of the tanh whose value is v.
HWY_INLINE FloatVec tanh_slope(FloatVec v) { return hn::Sub(hn::Set(FloatTag(), 1.0F), hn::Mul(v, v)); }

void cell_forward(std::int64_t n, std::int64_t hidden, float* gates, const float* c_prev, float* c, float* h) {
  const FloatTag d;
  const FloatVec one = hn::Set(d, 1.0F);
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t r = 0; r < n; ++r) {
    float* row = gates + r * 4 * hidden;
    for (std::int64_t j = 0; j < hidden; j += lanes) {
      const auto count = static_cast<std::size_t>(std::min(lanes, hidden - j));
      float* at = row + j;
      const std::int64_t k = r * hidden + j;
      const FloatVec input = logistic(load_floats(at));
      const FloatVec candidate = hn::Tanh(d, load_floats(at + hidden));
      const FloatVec forget = logistic(hn::Add(load_floats(at + 2 * hidden), one));
      const FloatVec output = logistic(load_floats(at + 3 * hidden));
      const FloatVec kept = c_prev == nullptr ? hn::Zero(d) : hn::Mul(forget, load_floats(c_prev + k));
      const FloatVec cell = hn::Add(kept, hn::Mul(input, candidate));
      store_floats(input, at, count);
      store_floats(candidate, at + hidden, count);
      store_floats(forget, at + 2 * hidden, count);
      store_floats(output, at + 3 * hidden, count);
      store_floats(cell, c + k, count);
      store_floats(hn::Mul(output, hn::Tanh(d, cell)), h + k, count);
    }
  }
}

void cell_backward(std::int64_t n, std::int64_t hidden, const float* dh, const float* dc, const float* gates,
                   const float* c_prev, const float* c, float* dgates, float* dc_prev) {
  const FloatTag d;
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t r = 0; r < n; ++r) {
    for (std::int64_t j = 0; j < hidden; j += lanes) {
      const auto count = static_cast<std::size_t>(std::min(lanes, hidden - j));
      const float* at = gates + r * 4 * hidden + j;
      float* to = dgates + r * 4 * hidden + j;
      const std::int64_t k = r * hidden + j;
      const FloatVec input = load_floats(at);
      const FloatVec candidate = load_floats(at + hidden);
      const FloatVec forget = load_floats(at + 2 * hidden);
      const FloatVec output = load_floats(at + 3 * hidden);
      const FloatVec squashed = hn::Tanh(d, load_floats(c + k));
      const FloatVec upstream = dh == nullptr ? hn::Zero(d) : load_floats(dh + k);
      const FloatVec direct = dc == nullptr ? hn::Zero(d) : load_floats(dc + k);
      const FloatVec dcell = hn::Add(direct, hn::Mul(hn::Mul(upstream, output), tanh_slope(squashed)));
      const FloatVec before = c_prev == nullptr ? hn::Zero(d) : load_floats(c_prev + k);
      store_floats(hn::Mul(hn::Mul(dcell, candidate), logistic_slope(input)), to, count);
      store_floats(hn::Mul(hn::Mul(dcell, input), tanh_slope(candidate)), to + hidden, count);
      store_floats(hn::Mul(hn::Mul(dcell, before), logistic_slope(forget)), to + 2 * hidden, count);
      store_floats(hn::Mul(hn::Mul(upstream, squashed), logistic_slope(output)), to + 3 * hidden, count);
      if (dc_prev != nullptr) {
        store_floats(hn::Mul(dcell, forget), dc_prev + k, count);
      }
    }
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(cell_forward);
HWY_EXPORT(cell_backward);

namespace {

void expect_optional(const char* op, const char* name, const Tensor& tensor, const Shape& shape) {
  if (tensor.defined()) {
    expect(op, name, tensor, DType::f32, shape);
  }
}

float* data_or_null(const Tensor& tensor) { return tensor.defined() ? tensor.data<float>() : nullptr; }

}  // namespace

void lstm_cell(Stream& /*stream*/, Tensor& gates, const Tensor& c_prev, Tensor& c, Tensor& h) {
  expect("lstm_cell", "c", c, DType::f32);
  if (c.shape().rank() != 2) {
    throw_unexpected("lstm_cell", "c", c, "f32 (N, H)");
  }
  const std::int64_t n = c.shape()[0];
  const std::int64_t hidden = c.shape()[1];
  expect("lstm_cell", "h", h, DType::f32, c.shape());
  expect("lstm_cell", "gates", gates, DType::f32, Shape{n, 4 * hidden});
  expect_optional("lstm_cell", "c_prev", c_prev, c.shape());
  HWY_DYNAMIC_DISPATCH(cell_forward)
  (n, hidden, gates.data<float>(), data_or_null(c_prev), c.data<float>(), h.data<float>());
}

void lstm_cell_backward(Stream& /*stream*/, const Tensor& dh, const Tensor& dc, const Tensor& gates,
                        const Tensor& c_prev, const Tensor& c, Tensor& dgates, Tensor& dc_prev) {
  expect("lstm_cell_backward", "c", c, DType::f32);
  if (c.shape().rank() != 2) {
    throw_unexpected("lstm_cell_backward", "c", c, "f32 (N, H)");
  }
  const std::int64_t n = c.shape()[0];
  const std::int64_t hidden = c.shape()[1];
  expect("lstm_cell_backward", "gates", gates, DType::f32, Shape{n, 4 * hidden});
  expect("lstm_cell_backward", "dgates", dgates, DType::f32, gates.shape());
  expect_optional("lstm_cell_backward", "dh", dh, c.shape());
  expect_optional("lstm_cell_backward", "dc", dc, c.shape());
  expect_optional("lstm_cell_backward", "c_prev", c_prev, c.shape());
  expect_optional("lstm_cell_backward", "dc_prev", dc_prev, c.shape());
  HWY_DYNAMIC_DISPATCH(cell_backward)
  (n, hidden, data_or_null(dh), data_or_null(dc), gates.data<float>(), data_or_null(c_prev), c.data<float>(),
   dgates.data<float>(), data_or_null(dc_prev));
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
