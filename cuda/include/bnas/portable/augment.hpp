// SPDX-License-Identifier: Apache-2.0
// Augmentation of training images, shared by every device: what happens to an image is a function of rule, key and
// sample alone, so that it does not depend on batch, thread or device. Angles and positions are integers: every device
// finds the same bits.
#pragma once

#include <cstdint>

#include "bnas/portable/color_change.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas {

/// Which changes images may undergo. The default changes nothing.
struct AugmentRule {
  std::int32_t shift = 0;     ///< up to so many pixels in each direction: crops of an image padded with `shift` zeros
  bool flip = false;          ///< left and right exchanged in half of the images
  std::int32_t cutout = 0;    ///< side of a square that turns grey (DeVries and Taylor 2017), cut at the border
  std::int32_t rotation = 0;  ///< up to so many degrees in each direction, at most 180
  std::int32_t crop = 0;      ///< up to so many percent of each side are cut away, the rest is enlarged; at most 90
  /// Factors of the colours are drawn from 1 - p to 1 + p, at most 100 percent; hues turn by up to so many percent of a
  /// turn in each direction, at most 50. Saturation and hue are of images with three channels.
  std::int32_t brightness = 0, contrast = 0, saturation = 0, hue = 0;

  constexpr bool recolors() const { return brightness != 0 || contrast != 0 || saturation != 0 || hue != 0; }
  constexpr bool is_identity() const {
    return shift == 0 && !flip && cutout == 0 && rotation == 0 && crop == 0 && !recolors();
  }
};

/// What a batch makes of the bytes of its images.
struct BatchRule {
  AugmentRule augment = {};
  float offset = 1.0F;  ///< a byte becomes byte / 127.5 - offset: 1 gives [-1, 1], 2 gives [-2, 0]
};

/// A pixel of [0, 255] becomes a number as BatchRule::offset says. A division, as the formula says: multiplying by a
/// rounded 1 / 127.5 gives other bits.
BNAS_HD constexpr float normalized(float pixel, float offset = 1.0F) { return pixel / 127.5F - offset; }

namespace augment {

inline constexpr std::int32_t kDegree = 64;      ///< angles are counted in parts of a degree
inline constexpr std::int32_t kPixel = 1 << 16;  ///< positions are counted in parts of a pixel
inline constexpr std::int64_t kUnit = std::int64_t{1} << 30U;

/// sin(angle / kDegree degrees) in units of 2^-30, |angle| at most 90 degrees; off by less than 2^-22.
BNAS_HD constexpr std::int64_t sine_of_quarter(std::int64_t angle) {
  constexpr std::int64_t kRadian = 18'740'330;  // 2^30 pi / 180
  const std::int64_t x = angle * kRadian / kDegree;
  const std::int64_t square = (x * x) >> 30U;
  std::int64_t series = kUnit;  // Taylor's, from its last term: x (1 - x^2/6 (1 - x^2/20 (1 - ...)))
  for (std::int64_t n = 10; n >= 2; n -= 2) {
    series = kUnit - ((square / (n * (n + 1)) * series) >> 30U);
  }
  return (x * series) >> 30U;
}

/// sin in units of 2^-30, |angle| at most 180 degrees.
BNAS_HD constexpr std::int64_t sine(std::int64_t angle) {
  constexpr std::int64_t kHalfTurn = 180 * kDegree;
  const bool far = angle > kHalfTurn / 2 || angle < -kHalfTurn / 2;
  return sine_of_quarter(!far ? angle : angle > 0 ? kHalfTurn - angle : -kHalfTurn - angle);
}

/// cos in units of 2^-30, |angle| at most 180 degrees.
BNAS_HD constexpr std::int64_t cosine(std::int64_t angle) {
  return sine_of_quarter(90 * kDegree - (angle < 0 ? -angle : angle));
}

}  // namespace augment

/// What happens to one image: it is flipped, turned and enlarged about a place, moved, its colours change, then a box
/// turns grey.
struct Augmentation {
  std::int32_t dy = 0, dx = 0;  ///< pixels that the image moves up and to the left
  bool flip = false;            ///< of the source's columns
  std::int32_t cut_top = 0, cut_bottom = 0, cut_left = 0, cut_right = 0;  ///< rows [top, bottom), columns [left, right)
  std::int32_t along = augment::kPixel;     ///< pixels of the source per pixel, times the angle's cosine, in kPixel
  std::int32_t across = 0;                  ///< the same with the angle's sine
  std::int32_t center_y = 0, center_x = 0;  ///< of what is seen, from the middle of the source, in kPixel
  ColorChange color;

  BNAS_HD constexpr bool is_cut(std::int32_t y, std::int32_t x) const {
    return y >= cut_top && y < cut_bottom && x >= cut_left && x < cut_right;
  }

  /// Pixel (y, x) of an image of h x w pixels, from the bytes `source[(row * w + column) * stride]` of one channel:
  /// between them the bilinear mean (weights of 1/256), outside of the image 0. In units of 1/ColorChange::kOne, with
  /// the colours of the source.
  BNAS_HD constexpr std::int32_t pixel(std::int32_t y, std::int32_t x, std::int32_t h, std::int32_t w,
                                       const std::uint8_t* source, std::int64_t stride) const {
    // Twice the distances from the middle, so that they are whole.
    const std::int64_t u = 2 * (std::int64_t{y} + dy) - (h - 1);
    const std::int64_t v = 2 * (std::int64_t{x} + dx) - (w - 1);
    const std::int64_t middle_y = std::int64_t{h - 1} * augment::kPixel,
                       middle_x = std::int64_t{w - 1} * augment::kPixel;
    const std::int64_t at_y = ((along * u + across * v + middle_y) >> 1U) + center_y;
    const std::int64_t at_x = ((along * v - across * u + middle_x) >> 1U) + center_x;
    const std::int64_t row = at_y >> 16U, column = at_x >> 16U;
    const auto below = static_cast<std::int32_t>((at_y & (augment::kPixel - 1)) >> 8U);
    const auto right = static_cast<std::int32_t>((at_x & (augment::kPixel - 1)) >> 8U);
    const auto tap = [&](std::int64_t r, std::int64_t c, std::int32_t weight) -> std::int32_t {
      if (weight == 0 || r < 0 || r >= h || c < 0 || c >= w) {
        return 0;
      }
      return weight * source[(r * w + (flip ? w - 1 - c : c)) * stride];
    };
    return tap(row, column, (256 - below) * (256 - right)) + tap(row, column + 1, (256 - below) * right) +
           tap(row + 1, column, below * (256 - right)) + tap(row + 1, column + 1, below * right);
  }
};

/// What `rule` does to sample number `sample` of an image set, whose images have h x w pixels.
BNAS_HD constexpr Augmentation augmentation(const AugmentRule& rule, const RandomKey& key, std::uint64_t sample,
                                            std::int32_t h, std::int32_t w) {
  const RandomKey own = key.derive(sample);
  const auto within = [&](std::uint64_t index, std::int32_t limit) {  // uniform in [-limit, limit]
    return static_cast<std::int32_t>(own.below(index, static_cast<std::uint32_t>(2 * limit + 1))) - limit;
  };
  Augmentation out;
  out.dy = within(0, rule.shift);
  out.dx = within(1, rule.shift);
  out.flip = rule.flip && own.below(2, 2) == 1;
  if (rule.cutout > 0) {  // the centre lies anywhere in the image
    out.cut_top = static_cast<std::int32_t>(own.below(3, static_cast<std::uint32_t>(h))) - rule.cutout / 2;
    out.cut_left = static_cast<std::int32_t>(own.below(4, static_cast<std::uint32_t>(w))) - rule.cutout / 2;
    out.cut_bottom = out.cut_top + rule.cutout;
    out.cut_right = out.cut_left + rule.cutout;
  }
  if (rule.rotation > 0 || rule.crop > 0) {
    const std::int64_t angle = within(5, rule.rotation * augment::kDegree);
    const auto cut = static_cast<std::int32_t>(
        own.below(6, static_cast<std::uint32_t>(rule.crop * (augment::kPixel / 100) + 1)));  // of each side, in kPixel
    const std::int64_t left = augment::kPixel - cut;
    out.along = static_cast<std::int32_t>((augment::cosine(angle) * left + augment::kUnit / 2) >> 30U);
    out.across = static_cast<std::int32_t>((augment::sine(angle) * left + augment::kUnit / 2) >> 30U);
    // What is seen lies anywhere in the image.
    const auto place = [&](std::uint64_t index, std::int32_t side) {
      const std::int64_t spare = std::int64_t{cut} * side;
      return static_cast<std::int32_t>(((own.bits(index) * spare) >> 32U) - spare / 2);
    };
    out.center_y = place(7, h);
    out.center_x = place(8, w);
  }
  const auto percent = [&](std::uint64_t index, std::int32_t most) {
    return within(index, most * ColorChange::kOne / 100);
  };
  out.color.brightness += percent(9, rule.brightness);
  out.color.contrast += percent(10, rule.contrast);
  out.color.saturation += percent(11, rule.saturation);
  out.color.hue = percent(12, rule.hue);
  return out;
}

}  // namespace bnas
