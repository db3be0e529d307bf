// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/color_change.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "bnas/portable/augment.hpp"
#include "support/color_oracle.hpp"

namespace bnas {
namespace {

constexpr double kOne = ColorChange::kOne;
constexpr std::array<int, 6> kLevels{0, 1, 77, 128, 200, 255};

std::array<double, 3> changed(const ColorChange& change, int r, int g, int b) {
  std::int32_t rgb[] = {r * ColorChange::kOne, g * ColorChange::kOne, b * ColorChange::kOne};
  change.apply(rgb);
  return {rgb[0] / kOne, rgb[1] / kOne, rgb[2] / kOne};
}

std::int32_t part(double x) { return static_cast<std::int32_t>(std::lround(x * kOne)); }

TEST(ColorChange, DefaultIsTheIdentity) {
  for (const int r : kLevels) {
    for (const int g : kLevels) {
      EXPECT_EQ(changed({}, r, g, 13), (std::array<double, 3>{static_cast<double>(r), static_cast<double>(g), 13.0}));
    }
  }
  EXPECT_EQ(ColorChange{}.level(12345), 12345);
}

TEST(ColorChange, EveryChangeIsThatOfTheFormula) {
  using test::Colors;
  for (const Colors& c :
       {Colors{.brightness = 0.6}, Colors{.brightness = 1.4}, Colors{.contrast = 0.0}, Colors{.contrast = 2.0},
        Colors{.saturation = 0.0}, Colors{.saturation = 1.7}, Colors{.hue = 0.2}, Colors{.hue = -0.5},
        Colors{.hue = 1.0 / 3.0}, Colors{0.7, 1.3, 0.8, -0.1}, Colors{1.9, 0.5, 1.6, 0.45}}) {
    const ColorChange change{part(c.brightness), part(c.contrast), part(c.saturation), part(c.hue)};
    for (const int r : kLevels) {
      for (const int g : kLevels) {
        for (const int b : kLevels) {
          const auto got = changed(change, r, g, b);
          const auto want = test::recolored(
              {change.brightness / kOne, change.contrast / kOne, change.saturation / kOne, change.hue / kOne},
              {static_cast<double>(r), static_cast<double>(g), static_cast<double>(b)});
          for (std::size_t i = 0; i < 3; ++i) {
            ASSERT_NEAR(got[i], want[i], test::kColorTolerance) << r << " " << g << " " << b << " " << c.hue;
          }
        }
      }
    }
  }
}

TEST(ColorChange, KnownColors) {
  // A third of a turn makes red green, green blue; a half makes red cyan. Grey has no hue.
  const auto near = [](std::array<double, 3> got, std::array<double, 3> want) {
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(got[i], want[i], test::kColorTolerance);
    }
  };
  near(changed({.hue = part(1.0 / 3.0)}, 200, 50, 50), {50, 200, 50});
  near(changed({.hue = part(1.0 / 3.0)}, 50, 200, 50), {50, 50, 200});
  near(changed({.hue = part(-0.5)}, 255, 0, 0), {0, 255, 255});
  near(changed({.hue = part(0.25)}, 90, 90, 90), {90, 90, 90});
  near(changed({.saturation = 0}, 255, 0, 0), {76.245, 76.245, 76.245});
  near(changed({.brightness = part(1.5)}, 200, 100, 10), {255, 150, 15});
}

TEST(ColorChange, IsDrawnUniformlyWithinTheRule) {
  const RandomKey key{3, 5, RandomPurpose::augment};
  const AugmentRule rule{.brightness = 40, .contrast = 30, .saturation = 20, .hue = 10};
  constexpr int kSamples = 4000;
  std::array<std::vector<double>, 4> drawn;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    const ColorChange c = augmentation(rule, key, sample, 8, 8).color;
    drawn[0].push_back(c.brightness / kOne - 1.0);
    drawn[1].push_back(c.contrast / kOne - 1.0);
    drawn[2].push_back(c.saturation / kOne - 1.0);
    drawn[3].push_back(c.hue / kOne);
  }
  const std::array<double, 4> most{0.4, 0.3, 0.2, 0.1};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto [low, high] = std::minmax_element(drawn[i].begin(), drawn[i].end());
    EXPECT_NEAR(*low, -most[i], 0.01 * most[i]);
    EXPECT_NEAR(*high, most[i], 0.01 * most[i]);
    // The mean of 4000 has a deviation of most / sqrt(3 * 4000): five of them.
    EXPECT_NEAR(std::accumulate(drawn[i].begin(), drawn[i].end(), 0.0) / kSamples, 0.0, 5 * most[i] / std::sqrt(12e3));
  }
  const ColorChange none = augmentation({.shift = 3}, key, 1, 8, 8).color;
  EXPECT_EQ(none.brightness, ColorChange::kOne);
  EXPECT_EQ(none.hue, 0);
}

}  // namespace
}  // namespace bnas
