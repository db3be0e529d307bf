// SPDX-License-Identifier: Apache-2.0
// Augmentation of training images, shared by every device: what happens to an image is a function of rule, key and
// sample alone, so that it does not depend on batch, thread or device.
#pragma once

#include <cstdint>

#include "bnas/portable/philox.hpp"

namespace bnas {

/// Which changes images may undergo. The default changes nothing.
struct AugmentRule {
  std::int32_t shift = 0;   ///< up to so many pixels in each direction: crops of an image padded with `shift` zeros
  bool flip = false;        ///< left and right exchanged in half of the images
  std::int32_t cutout = 0;  ///< side of a square whose pixels vanish (DeVries and Taylor 2017), cut at the border

  constexpr bool is_identity() const { return shift == 0 && !flip && cutout == 0; }
};

/// What happens to one image: it is flipped, moved, then a box vanishes.
struct Augmentation {
  std::int32_t dy = 0, dx = 0;  ///< pixel (y, x) comes from (y + dy, x + dx); from outside the image comes byte 0
  bool flip = false;            ///< of the source's columns
  std::int32_t cut_top = 0, cut_bottom = 0, cut_left = 0, cut_right = 0;  ///< rows [top, bottom), columns [left, right)

  BNAS_HD constexpr bool is_cut(std::int32_t y, std::int32_t x) const {
    return y >= cut_top && y < cut_bottom && x >= cut_left && x < cut_right;
  }
  /// The row-major source pixel of (y, x), -1 where it lies outside the image of h x w pixels.
  BNAS_HD constexpr std::int32_t source(std::int32_t y, std::int32_t x, std::int32_t h, std::int32_t w) const {
    const std::int32_t row = y + dy;
    const std::int32_t column = x + dx;
    if (row < 0 || row >= h || column < 0 || column >= w) {
      return -1;
    }
    return row * w + (flip ? w - 1 - column : column);
  }
};

/// What `rule` does to sample number `sample` of an image set, whose images have h x w pixels.
BNAS_HD constexpr Augmentation augmentation(const AugmentRule& rule, const RandomKey& key, std::uint64_t sample,
                                            std::int32_t h, std::int32_t w) {
  const RandomKey own = key.derive(sample);
  Augmentation out;
  const auto width = static_cast<std::uint32_t>(2 * rule.shift + 1);
  out.dy = static_cast<std::int32_t>(own.below(0, width)) - rule.shift;
  out.dx = static_cast<std::int32_t>(own.below(1, width)) - rule.shift;
  out.flip = rule.flip && own.below(2, 2) == 1;
  if (rule.cutout > 0) {  // the centre lies anywhere in the image
    out.cut_top = static_cast<std::int32_t>(own.below(3, static_cast<std::uint32_t>(h))) - rule.cutout / 2;
    out.cut_left = static_cast<std::int32_t>(own.below(4, static_cast<std::uint32_t>(w))) - rule.cutout / 2;
    out.cut_bottom = out.cut_top + rule.cutout;
    out.cut_right = out.cut_left + rule.cutout;
  }
  return out;
}

/// Bytes 0..255 become [-1, 1]. A division, as the formula says: multiplying by a rounded 1 / 127.5 gives other bits.
BNAS_HD constexpr float normalized(std::uint8_t byte) { return static_cast<float>(byte) / 127.5F - 1.0F; }

}  // namespace bnas
