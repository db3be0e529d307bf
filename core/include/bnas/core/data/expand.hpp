// SPDX-License-Identifier: Apache-2.0
// Training sets made larger once, before training.
#pragma once

#include <cstdint>

#include "bnas/core/data/dataset.hpp"

namespace bnas {

/// Every image is kept and followed by `copies` changed ones: turned by a whole number of degrees about its middle
/// (cubic B-spline interpolation), then moved by whole pixels; what comes from outside is the image's median.
struct ExpandRule {
  int copies = 0;     ///< 0: nothing is done; at most 64
  int rotation = 15;  ///< degrees in each direction, at most 180
  int shift = 2;      ///< pixels in each direction
  /// As in the program of 2018 that began this: largest values excluded, so that images drift up and to the left.
  bool lopsided = false;

  friend bool operator==(const ExpandRule&, const ExpandRule&) = default;
};

/// `data` with its copies; image i becomes images i (1 + copies) and those behind it. What is drawn for an image
/// depends on `seed` and on its row alone. `usage` Error for a rule out of range or a set that grows beyond 2^31
/// images.
Dataset expanded(const Dataset& data, const ExpandRule& rule, std::uint64_t seed);

/// One channel (H,W), turned counterclockwise as it is seen, rows downwards: pixels between the middles of outer pixels
/// are interpolated by cubic B-splines through all pixels, mirrored at the middles of the outer ones, rounded and
/// clamped to bytes; others are `fill`. |degrees| at most 180.
std::vector<std::uint8_t> rotated(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                                  int degrees, std::uint8_t fill);

}  // namespace bnas
