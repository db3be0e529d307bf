// SPDX-License-Identifier: Apache-2.0
// Tensors side by side along channels, and slices of them.
#include <string>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/channels.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

/// to[r, :] (+)= from[r, :] for `channels` of rows of which each has its own stride.
void copy_channels(std::int64_t rows, std::int64_t channels, const float* from, std::int64_t from_stride, float* to,
                   std::int64_t to_stride, bool accumulate) {
  const hn::CappedTag<float, 8> half;
  if (hn::Lanes(half) == 8 && channels % 8 == 0 && channels % 16 != 0) {  // no tails of long vectors
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < channels; c += 8) {
        const auto v = hn::LoadU(half, from + r * from_stride + c);
        float* const y = to + r * to_stride + c;
        hn::StoreU(accumulate ? hn::Add(hn::LoadU(half, y), v) : v, half, y);
      }
    }
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = from + r * from_stride;
    map_floats(channels, to + r * to_stride, accumulate, [&](std::int64_t c) HWY_ATTR { return load_floats(row + c); });
  }
}

/// ORs rows of bits into y, their channel 0 at channel `begin` of y; the target bits are 0 before.
void merge_bits(std::int64_t rows, std::int64_t channels, const Word* x, std::int64_t begin, std::int64_t y_words,
                Word* y) {
  const std::int64_t x_words = words_for(channels);
  const auto shift = static_cast<unsigned>(begin % kWordBits);
  for (std::int64_t w = 0; w < x_words; ++w) {
    const Word* from = x + w;
    Word* to = y + begin / kWordBits + w;
    const bool spills = shift != 0 && begin / kWordBits + w + 1 < y_words;
    for (std::int64_t r = 0; r < rows; ++r) {
      to[r * y_words] |= from[r * x_words] << shift;
    }
    for (std::int64_t r = 0; spills && r < rows; ++r) {
      to[r * y_words + 1] |= from[r * x_words] >> (kWordBits - shift);
    }
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(copy_channels);
HWY_EXPORT(merge_bits);

void concat_channels(Stream& /*stream*/, const std::vector<Tensor>& inputs, Tensor& y) {
  expect_f32_or_bits("concat_channels", "y", y);
  const std::int64_t rows = y.shape().rows();
  const std::int64_t channels = y.shape().channels();
  std::int64_t total = 0;
  for (const Tensor& x : inputs) {
    expect("concat_channels", "input", x, y.dtype());
    if (x.shape().rows() != rows) {
      throw_unexpected("concat_channels", "input", x, std::to_string(rows) + " rows");
    }
    total += x.shape().channels();
  }
  if (total != channels) {
    throw_unexpected("concat_channels", "y", y, std::to_string(total) + " channels");
  }
  const std::int64_t words = words_for(channels);
  if (y.dtype() == DType::bit && y.bytes() != 0) {
    std::memset(y.raw(), 0, y.bytes());
  }
  std::int64_t begin = 0;
  for (const Tensor& x : inputs) {
    const std::int64_t width = x.shape().channels();
    if (y.dtype() == DType::bit) {
      HWY_DYNAMIC_DISPATCH(merge_bits)(rows, width, x.data<Word>(), begin, words, y.data<Word>());
    } else {
      HWY_DYNAMIC_DISPATCH(copy_channels)
      (rows, width, x.data<float>(), width, y.data<float>() + begin, channels, false);
    }
    begin += width;
  }
}

void slice_channels(Stream& /*stream*/, const Tensor& dy, std::int64_t begin, Tensor& dx, GradMode mode) {
  expect("slice_channels", "dy", dy, DType::f32);
  expect("slice_channels", "dx", dx, DType::f32);
  const std::int64_t channels = dx.shape().channels();
  if (dx.shape().rows() != dy.shape().rows() || begin < 0 || begin + channels > dy.shape().channels()) {
    throw_unexpected("slice_channels", "dx", dx,
                     "a slice of " + dy.shape().text() + " at channel " + std::to_string(begin));
  }
  HWY_DYNAMIC_DISPATCH(copy_channels)
  (dx.shape().rows(), channels, dy.data<float>() + begin, dy.shape().channels(), dx.data<float>(), channels,
   mode == GradMode::accumulate);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
