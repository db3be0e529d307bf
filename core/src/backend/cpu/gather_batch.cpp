// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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

/// normalized() of bytes.
void normalize(std::int64_t n, const std::uint8_t* x, float offset, float* y) {
  const FloatVec shift = hn::Set(FloatTag(), offset);
  const FloatVec half_range = hn::Set(FloatTag(), 127.5F);
  map_floats(n, y, false,
             [&](std::int64_t i) HWY_ATTR { return hn::Sub(hn::Div(load_floats(x + i), half_range), shift); });
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(normalize);
namespace {

/// One image (H,W,C), changed.
void augment_image(const Augmentation& change, const Shape& all, const std::uint8_t* image, float offset, float* out) {
  constexpr float kGrey = 127.5F;
  const auto h = static_cast<std::int32_t>(all[1]), w = static_cast<std::int32_t>(all[2]);
  const std::int64_t channels = all[3];
  const auto number = [&](std::int32_t x) { return normalized(static_cast<float>(x) / ColorChange::kOne, offset); };
  for (std::int32_t y = 0; y < h; ++y) {
    for (std::int32_t x = 0; x < w; ++x) {
      if (change.is_cut(y, x)) {
        out = std::fill_n(out, channels, normalized(kGrey, offset));
        continue;
      }
      const auto value = [&](std::int64_t channel) { return change.pixel(y, x, h, w, image + channel, channels); };
      if (channels == 3) {
        std::int32_t rgb[] = {value(0), value(1), value(2)};
        change.color.apply(rgb);
        out = std::transform(rgb, rgb + 3, out, number);
        continue;
      }
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        *out++ = number(change.color.level(value(channel)));
      }
    }
  }
}

}  // namespace

void gather_batch(Stream& /*stream*/, const Tensor& images, const Tensor& all_labels, const Tensor& order,
                  const Tensor& step, const BatchRule& rule, Tensor& batch, Tensor& labels) {
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
  const bool augmented = !rule.augment.is_identity();
  check(step.defined() || !augmented, "gather_batch", "augmentation needs a step");
  const StepValues values = step.defined() ? read_step("gather_batch", step) : StepValues{};
  const std::int64_t first = values.first_row;
  check(first >= 0 && first + size <= order.numel(), "gather_batch",
        "rows " + std::to_string(first) + " to " + std::to_string(first + size) + " of an order of " +
            std::to_string(order.numel()));
  const std::int64_t pixels = all[1] * all[2] * all[3];
  const std::int32_t* index = order.data<std::int32_t>() + first;
  for (std::int64_t b = 0; b < size; ++b) {
    if (index[b] < 0 || index[b] >= all[0]) {
      throw_out_of_range("gather_batch", "order", first + b, index[b], all[0]);
    }
    const std::uint8_t* image = images.data<std::uint8_t>() + index[b] * pixels;
    if (augmented) {
      const Augmentation change =
          augmentation(rule.augment, step_key(values, 0, RandomPurpose::augment), static_cast<std::uint64_t>(index[b]),
                       static_cast<std::int32_t>(all[1]), static_cast<std::int32_t>(all[2]));
      augment_image(change, all, image, rule.offset, batch.data<float>() + b * pixels);
    } else {
      HWY_DYNAMIC_DISPATCH(normalize)(pixels, image, rule.offset, batch.data<float>() + b * pixels);
    }
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
