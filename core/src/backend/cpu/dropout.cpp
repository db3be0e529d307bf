// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/checks.hpp"
#include "backend/cpu/elementwise.hpp"
#include "bnas/portable/philox.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/dropout.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kBlock = 64;  // numbers made at a time: 16 Philox blocks of 4

/// key.uniform(first + i) for i in [0, kBlock); `first` is a multiple of kBlock.
void uniforms(const RandomKey& key, std::int64_t first, float* to) {
  for (std::int64_t i = 0; i < kBlock; i += 4) {
    const Philox4 numbers = key.block(static_cast<std::uint64_t>(first + i) / 4);
    for (std::int64_t j = 0; j < 4; ++j) {
      to[i + j] = uniform01(numbers.v[j]);
    }
  }
}

void drop(std::int64_t n, const float* x, const RandomKey& key, float rate, float factor, float* y, bool accumulate) {
  const FloatTag d;
  const FloatVec threshold = hn::Set(d, rate);
  const FloatVec scaling = hn::Set(d, factor);
  for (std::int64_t first = 0; first < n; first += kBlock) {
    HWY_ALIGN float random[kBlock];
    uniforms(key, first, random);
    map_floats(std::min(kBlock, n - first), y + first, accumulate, [&](std::int64_t i) HWY_ATTR {
      const FloatVec kept = hn::Mul(load_floats(x + first + i), scaling);
      return hn::IfThenElseZero(hn::Ge(hn::LoadU(d, random + i), threshold), kept);
    });
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(drop);

void dropout(Stream& /*stream*/, const Tensor& x, const Tensor& step, std::uint64_t site, float rate,
             float scale_factor, Tensor& y, GradMode mode) {
  expect("dropout", "x", x, DType::f32);
  expect("dropout", "y", y, DType::f32, x.shape());
  const RandomKey key = step_key(read_step("dropout", step), site, RandomPurpose::dropout);
  HWY_DYNAMIC_DISPATCH(drop)
  (x.numel(), x.data<float>(), key, rate, scale_factor, y.data<float>(), mode == GradMode::accumulate);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
