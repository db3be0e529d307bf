// SPDX-License-Identifier: Apache-2.0
// Changes of an image's colours, shared by every device. All numbers are integers: every device finds the same bits.
#pragma once

#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas {

/// What happens to the colours of one image, in this order: brightness, contrast, saturation, hue, as in Pillow and
/// torchvision; but that contrast is about mid-grey rather than the image's mean. Values are of [0, 255] in units of
/// 1/kOne and stay there.
struct ColorChange {
  static constexpr std::int32_t kOne = 1 << 16;
  static constexpr std::int32_t kLargest = 255 * kOne;

  std::int32_t brightness = kOne, contrast = kOne, saturation = kOne;  ///< factors in 1/kOne, none negative
  std::int32_t hue = 0;                                                ///< turns in 1/kOne, within half of one

  BNAS_HD static constexpr std::int32_t scaled(std::int32_t x, std::int32_t about, std::int32_t factor) {
    const std::int64_t y = about + ((std::int64_t{x - about} * factor) >> 16U);
    return static_cast<std::int32_t>(y < 0 ? 0 : y > kLargest ? kLargest : y);
  }

  /// A value of an image of any number of channels: brightness and contrast.
  BNAS_HD constexpr std::int32_t level(std::int32_t x) const {
    return scaled(scaled(x, 0, brightness), kLargest / 2, contrast);
  }

  /// Red, green and blue of a pixel, in place.
  BNAS_HD constexpr void apply(std::int32_t (&rgb)[3]) const {
    for (std::int32_t& x : rgb) {
      x = level(x);
    }
    if (saturation != kOne) {  // about the luminance of ITU-R BT.601
      const std::int64_t grey =
          (std::int64_t{299} * rgb[0] + std::int64_t{587} * rgb[1] + std::int64_t{114} * rgb[2]) / 1000;
      for (std::int32_t& x : rgb) {
        x = scaled(x, static_cast<std::int32_t>(grey), saturation);
      }
    }
    if (hue != 0) {
      turn(rgb);
    }
  }

 private:
  /// Of the hexagon of hues, 6 sides around: a channel is the largest value, less the chroma times
  /// max(0, min(k, 4 - k, 1)) with k = n + hue modulo 6, n = 5, 3, 1 for red, green, blue.
  BNAS_HD constexpr void turn(std::int32_t (&rgb)[3]) const {
    const std::int32_t most = larger(rgb[0], larger(rgb[1], rgb[2]));
    const std::int64_t chroma = most + larger(-rgb[0], larger(-rgb[1], -rgb[2]));
    if (chroma == 0) {
      return;
    }
    const auto [r, g, b] = rgb;
    const int first = most == r ? 0 : most == g ? 1 : 2;
    const std::int64_t difference = first == 0 ? g - b : first == 1 ? b - r : r - g;
    constexpr std::int64_t kAround = std::int64_t{6} * kOne;
    const std::int64_t at = difference * kOne / chroma + std::int64_t{2} * first * kOne + std::int64_t{6} * hue;
    for (int channel = 0; channel < 3; ++channel) {
      const std::int64_t k = (at + (5 - 2 * channel) * std::int64_t{kOne} + 2 * kAround) % kAround;
      const std::int64_t nearer = k < 4 * std::int64_t{kOne} - k ? k : 4 * std::int64_t{kOne} - k;
      const std::int64_t share = nearer < 0 ? 0 : nearer > kOne ? kOne : nearer;
      rgb[channel] = most - static_cast<std::int32_t>((chroma * share) >> 16U);
    }
  }

  BNAS_HD static constexpr std::int32_t larger(std::int32_t a, std::int32_t b) { return a > b ? a : b; }
};

}  // namespace bnas
