// SPDX-License-Identifier: Apache-2.0
// The rules of bnas/portable/optimizer_rules.hpp in vectors: the same operations in the same order, nothing fused, so
// that every weight gets the bits that the scalar rule gives.
#include <cmath>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/elementwise.hpp"
#include "backend/cpu/optim.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/optimizer_step.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

/// clip_to: NaN passes.
HWY_INLINE FloatVec clipped(FloatVec w, float limit) {
  if (limit <= 0.0F) {
    return w;
  }
  const FloatVec high = hn::Set(FloatTag(), limit);
  const FloatVec low = hn::Set(FloatTag(), -limit);
  return hn::IfThenElse(hn::Gt(w, high), high, hn::IfThenElse(hn::Lt(w, low), low, w));
}

void adam(std::int64_t n, const float* grad, const AdamRule& rule, float step, float clip, float* weight, float* m,
          float* v, float* v_max) {
  const FloatTag d;
  const FloatVec decay = hn::Set(d, rule.weight_decay);
  const FloatVec beta1 = hn::Set(d, rule.beta1);
  const FloatVec beta2 = hn::Set(d, rule.beta2);
  const FloatVec rest1 = hn::Set(d, 1.0F - rule.beta1);
  const FloatVec rest2 = hn::Set(d, 1.0F - rule.beta2);
  const FloatVec eps = hn::Set(d, rule.eps);
  const FloatVec step_size = hn::Set(d, step);
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t i = 0; i < n; i += lanes) {
    const auto count = static_cast<std::size_t>(std::min(lanes, n - i));
    const FloatVec w = load_floats(weight + i);
    const FloatVec g = hn::Add(load_floats(grad + i), hn::Mul(decay, w));
    const FloatVec first = hn::Add(hn::Mul(beta1, load_floats(m + i)), hn::Mul(rest1, g));
    FloatVec second = hn::Add(hn::Mul(beta2, load_floats(v + i)), hn::Mul(hn::Mul(rest2, g), g));
    store_floats(first, m + i, count);
    store_floats(second, v + i, count);
    if (v_max != nullptr) {
      const FloatVec largest = load_floats(v_max + i);
      second = hn::IfThenElse(hn::Gt(largest, second), largest, second);
      store_floats(second, v_max + i, count);
    }
    const FloatVec change = hn::Div(hn::Mul(step_size, first), hn::Add(hn::Sqrt(second), eps));
    store_floats(clipped(hn::Sub(w, change), clip), weight + i, count);
  }
}

void sgd(std::int64_t n, const float* grad, const SgdRule& rule, float rate, float clip, float* weight,
         float* velocity) {
  const FloatTag d;
  const FloatVec decay = hn::Set(d, rule.weight_decay);
  const FloatVec momentum = hn::Set(d, rule.momentum);
  const FloatVec lr = hn::Set(d, rate);
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t i = 0; i < n; i += lanes) {
    const auto count = static_cast<std::size_t>(std::min(lanes, n - i));
    const FloatVec w = load_floats(weight + i);
    const FloatVec g = hn::Add(load_floats(grad + i), hn::Mul(decay, w));
    FloatVec direction = g;
    if (velocity != nullptr) {
      const FloatVec moved = hn::Add(hn::Mul(momentum, load_floats(velocity + i)), g);
      store_floats(moved, velocity + i, count);
      direction = rule.nesterov ? hn::Add(g, hn::Mul(momentum, moved)) : moved;
    }
    store_floats(clipped(hn::Sub(w, hn::Mul(lr, direction)), clip), weight + i, count);
  }
}

void bop(std::int64_t n, const float* grad, const BopRule& rule, float* weight, float* average) {
  const FloatTag d;
  const FloatVec keep = hn::Set(d, 1.0F - rule.gamma);
  const FloatVec gamma = hn::Set(d, rule.gamma);
  const FloatVec threshold = hn::Set(d, rule.threshold);
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t i = 0; i < n; i += lanes) {
    const auto count = static_cast<std::size_t>(std::min(lanes, n - i));
    const FloatVec w = load_floats(weight + i);
    const FloatVec mean = hn::Add(hn::Mul(keep, load_floats(average + i)), hn::Mul(gamma, load_floats(grad + i)));
    store_floats(mean, average + i, count);
    store_floats(hn::IfThenElse(hn::Gt(hn::Mul(w, mean), threshold), hn::Neg(w), w), weight + i, count);
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(adam);
HWY_EXPORT(sgd);
HWY_EXPORT(bop);

namespace {

float* data_or_null(const Tensor& tensor) { return tensor.defined() ? tensor.data<float>() : nullptr; }

void expect_update(const char* op, const ParameterUpdate& update, int slots) {
  expect(op, "grad", update.grad, DType::f32);
  expect(op, "weight", update.weight, DType::f32, update.grad.shape());
  for (int i = 0; i < slots; ++i) {
    expect(op, "slot", update.slots[i], DType::f32, update.grad.shape());
  }
}

}  // namespace

void adam_step(Stream& /*stream*/, std::span<const ParameterUpdate> parameters, const AdamRule& rule,
               const Tensor& step) {
  const StepValues values = read_step("adam_step", step);
  for (const ParameterUpdate& p : parameters) {
    expect_update("adam_step", p, p.slots[2].defined() ? 3 : 2);
    HWY_DYNAMIC_DISPATCH(adam)
    (p.grad.numel(), p.grad.data<float>(), rule, adam_step_size(values.lr * p.lr_multiplier, values.bias_correction),
     p.clip, p.weight.data<float>(), p.slots[0].data<float>(), p.slots[1].data<float>(), data_or_null(p.slots[2]));
  }
}

void sgd_step(Stream& /*stream*/, std::span<const ParameterUpdate> parameters, const SgdRule& rule,
              const Tensor& step) {
  const StepValues values = read_step("sgd_step", step);
  for (const ParameterUpdate& p : parameters) {
    expect_update("sgd_step", p, p.slots[0].defined() ? 1 : 0);
    HWY_DYNAMIC_DISPATCH(sgd)
    (p.grad.numel(), p.grad.data<float>(), rule, values.lr * p.lr_multiplier, p.clip, p.weight.data<float>(),
     data_or_null(p.slots[0]));
  }
}

void bop_step(Stream& /*stream*/, std::span<const ParameterUpdate> parameters, const BopRule& rule) {
  for (const ParameterUpdate& p : parameters) {
    expect_update("bop_step", p, 1);
    HWY_DYNAMIC_DISPATCH(bop)
    (p.grad.numel(), p.grad.data<float>(), rule, p.weight.data<float>(), p.slots[0].data<float>());
  }
}

namespace {

double sum_of_squares(const Tensor& x) {
  const float* value = x.data<float>();
  double total = 0.0;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    total += static_cast<double>(value[i]) * static_cast<double>(value[i]);
  }
  return total;
}

}  // namespace

void sum_squares(Stream& /*stream*/, const Tensor& x, Tensor& sum, GradMode mode) {
  expect("sum_squares", "x", x, DType::f32);
  expect("sum_squares", "sum", sum, DType::f32, Shape{});
  float* to = sum.data<float>();
  const double before = mode == GradMode::accumulate ? static_cast<double>(*to) : 0.0;
  *to = static_cast<float>(before + sum_of_squares(x));
}

void clip_grad_norm(Stream& stream, std::span<const Tensor> grads, float max_norm, Tensor& norm) {
  expect("clip_grad_norm", "norm", norm, DType::f32, Shape{});
  double total = 0.0;
  for (const Tensor& grad : grads) {
    expect("clip_grad_norm", "grad", grad, DType::f32);
    total += sum_of_squares(grad);
  }
  const auto length = static_cast<float>(std::sqrt(total));
  *norm.data<float>() = length;
  if (length > max_norm) {
    for (Tensor grad : grads) {
      scale(stream, grad, max_norm / length, grad, GradMode::overwrite);
    }
  }
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
