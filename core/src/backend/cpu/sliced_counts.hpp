// SPDX-License-Identifier: Apache-2.0
// Bit-sliced counting for depthwise convolutions: nothing is summed over channels, so the 32 channels of a word are
// counted side by side. Plane p holds bit p of 32 counters; adding a word of 0s and 1s is a ripple of half adders
// (carry, sum) = (p & v, p ^ v). Lanes are the same pixel of 16 images, so strides and borders cost nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bnas/portable/bits.hpp"

namespace bnas::cpu {

inline constexpr int kSlicedImages = 16;

struct SlicedTap {
  const Word* x = nullptr;  ///< kSlicedImages words: the pixel that the tap reads
  Word w = 0;
};

/// y[image][c] = taps - 2 * (number of taps with x bit != w bit) for the first `channels` <= 32 bits of the words.
/// T is i8 (at most 127 taps) or i16; `y_image` elements lie between images.
void sliced_dots(const std::vector<SlicedTap>& taps, int images, int channels, std::int8_t* y, std::ptrdiff_t y_image);
void sliced_dots(const std::vector<SlicedTap>& taps, int images, int channels, std::int16_t* y, std::ptrdiff_t y_image);

}  // namespace bnas::cpu
