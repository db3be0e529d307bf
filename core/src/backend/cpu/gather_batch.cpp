// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/optim.hpp"
#include "bnas/core/error.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/gather_batch.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

/// y = x / 127.5 - 1. A division, as the formula says: multiplying by a rounded 1 / 127.5 gives other bits.
void normalize(std::int64_t n, const std::uint8_t* x, float* y) {
  const FloatVec one = hn::Set(FloatTag(), 1.0F);
  const FloatVec half_range = hn::Set(FloatTag(), 127.5F);
  map_floats(n, y, false,
             [&](std::int64_t i) HWY_ATTR { return hn::Sub(hn::Div(load_floats(x + i), half_range), one); });
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(normalize);

void gather_batch(Stream& /*stream*/, const Tensor& images, const Tensor& all_labels, const Tensor& order,
                  const Tensor& step, Tensor& batch, Tensor& labels) {
  expect("gather_batch", "images", images, DType::u8);
  const Shape& all = images.shape();
  if (all.rank() != 4) {
    throw_unexpected("gather_batch", "images", images, "u8 (N, H, W, C)");
  }
  expect("gather_batch", "all_labels", all_labels, DType::i32, Shape{all[0]});
  expect("gather_batch", "order", order, DType::i32);
  expect("gather_batch", "labels", labels, DType::i32);
  const std::int64_t size = labels.numel();
  expect("gather_batch", "batch", batch, DType::f32, Shape{size, all[1], all[2], all[3]});
  const std::int64_t first = step.defined() ? read_step("gather_batch", step).first_row : 0;
  check(first >= 0 && first + size <= order.numel(), "gather_batch",
        "rows " + std::to_string(first) + " to " + std::to_string(first + size) + " of an order of " +
            std::to_string(order.numel()));
  const std::int64_t pixels = all[1] * all[2] * all[3];
  const std::int32_t* index = order.data<std::int32_t>() + first;
  for (std::int64_t b = 0; b < size; ++b) {
    if (index[b] < 0 || index[b] >= all[0]) {
      throw_out_of_range("gather_batch", "order", first + b, index[b], all[0]);
    }
    HWY_DYNAMIC_DISPATCH(normalize)
    (pixels, images.data<std::uint8_t>() + index[b] * pixels, batch.data<float>() + b * pixels);
    labels.data<std::int32_t>()[b] = all_labels.data<std::int32_t>()[index[b]];
  }
}

void advance_step(Stream& /*stream*/, const Tensor& table, Tensor& counter, Tensor& current) {
  expect("advance_step", "table", table, DType::u8);
  expect("advance_step", "counter", counter, DType::i32, Shape{});
  expect("advance_step", "current", current, DType::u8, Shape{sizeof(StepValues)});
  std::int32_t& next = *counter.data<std::int32_t>();
  const auto steps = table.numel() / static_cast<std::int64_t>(sizeof(StepValues));
  if (next < 0 || next >= steps) {
    throw_out_of_range("advance_step", "counter", 0, next, steps);
  }
  std::memcpy(current.raw(), table.data<std::uint8_t>() + next * sizeof(StepValues), sizeof(StepValues));
  ++next;
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
