// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

namespace bnas::test {

/// Factors of 1 and turns of 0 change nothing.
struct Colors {
  double brightness = 1.0, contrast = 1.0, saturation = 1.0, hue = 0.0;
};

/// A colour of [0, 255] changed as torchvision's adjust_brightness, adjust_contrast (about mid-grey), adjust_saturation
/// and adjust_hue do, in float64: hues by way of HSV.
inline std::array<double, 3> recolored(const Colors& change, std::array<double, 3> rgb) {
  const auto clamped = [](double x) { return std::clamp(x, 0.0, 255.0); };
  for (double& x : rgb) {
    x = clamped(x * change.brightness);
    x = clamped(127.5 + (x - 127.5) * change.contrast);
  }
  const double grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  for (double& x : rgb) {
    x = clamped(grey + (x - grey) * change.saturation);
  }
  const double most = std::max({rgb[0], rgb[1], rgb[2]}), least = std::min({rgb[0], rgb[1], rgb[2]});
  if (most == least) {
    return rgb;
  }
  const auto [r, g, b] = rgb;
  double hue = most == r   ? (g - b) / (most - least)
               : most == g ? 2.0 + (b - r) / (most - least)
                           : 4.0 + (r - g) / (most - least);
  hue = std::fmod(hue / 6.0 + change.hue + 2.0, 1.0) * 6.0;
  const int side = static_cast<int>(hue);
  const double s = (most - least) / most, f = hue - side;
  const double p = most * (1.0 - s), q = most * (1.0 - s * f), t = most * (1.0 - s * (1.0 - f));
  const std::array<std::array<double, 3>, 6> sides{
      {{most, t, p}, {q, most, p}, {p, most, t}, {p, q, most}, {t, p, most}, {most, p, q}}};
  return sides[static_cast<std::size_t>(side % 6)];
}

/// Chroma is multiplied in units of 2^-16, and divisions are cut off: a few parts of a thousand of a byte.
inline constexpr double kColorTolerance = 0.02;

}  // namespace bnas::test
