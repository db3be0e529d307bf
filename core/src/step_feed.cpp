// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/step_feed.hpp"

#include "bnas/core/kernels/optim.hpp"

namespace bnas {

static_assert(std::is_trivially_copyable_v<StepValues>);

Tensor step_tensor(Stream& stream, const StepValues& values) {
  Tensor tensor(stream, Shape{sizeof(StepValues)}, DType::u8);
  tensor.upload(stream, std::as_bytes(std::span(&values, 1)));
  return tensor;
}

StepFeed::StepFeed(Stream& stream, std::int64_t capacity)
    : table_(stream, Shape{capacity * static_cast<std::int64_t>(sizeof(StepValues))}, DType::u8),
      counter_(stream, Shape{}, DType::i32),
      current_(stream, Shape{sizeof(StepValues)}, DType::u8) {}

void StepFeed::load(Stream& stream, std::span<const StepValues> steps) {
  table_.upload(stream, std::as_bytes(steps));
  const std::int32_t first = 0;
  counter_.upload(stream, std::as_bytes(std::span(&first, 1)));
}

void StepFeed::advance(Stream& stream) { dispatch<kernels::AdvanceStep>(stream, table_, counter_, current_); }

}  // namespace bnas
