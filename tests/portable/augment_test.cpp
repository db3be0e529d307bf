// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <numbers>
#include <set>
#include <utility>
#include <vector>

namespace bnas {
namespace {

constexpr RandomKey kKey{3, 5, RandomPurpose::augment};
constexpr int kSamples = 4000;

/// Bytes that tell their place: 16 row + column.
int place(int row, int column) { return 16 * row + column; }

/// Pixel (y, x) of an image of such bytes, which is the second of two channels.
float pixel(const Augmentation& a, int y, int x, int h, int w) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(2 * h * w), 255);
  for (int i = 0; i < h * w; ++i) {
    bytes[static_cast<std::size_t>(2 * i + 1)] = static_cast<std::uint8_t>(place(i / w, i % w));
  }
  return static_cast<float>(a.pixel(y, x, h, w, bytes.data() + 1, 2)) / ColorChange::kOne;
}

TEST(Augment, DefaultIsTheIdentity) {
  EXPECT_TRUE(AugmentRule{}.is_identity());
  for (std::uint64_t sample = 0; sample < 20; ++sample) {
    const Augmentation a = augmentation({}, kKey, sample, 3, 4);
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 4; ++x) {
        EXPECT_EQ(pixel(a, y, x, 3, 4), static_cast<float>(place(y, x)));
        EXPECT_FALSE(a.is_cut(y, x));
      }
    }
  }
}

// 25 shifts, each expected 160 times with a deviation of 12.4; flips 2000 +- 31.6: five deviations are allowed.
TEST(Augment, ShiftsAndFlipsAreEquallyLikely) {
  std::map<std::pair<int, int>, int> shifts;
  int flips = 0;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    const Augmentation a = augmentation({.shift = 2, .flip = true}, kKey, sample, 8, 8);
    ++shifts[{a.dy, a.dx}];
    flips += a.flip ? 1 : 0;
  }
  EXPECT_EQ(shifts.size(), 25U);
  EXPECT_EQ(shifts.begin()->first, std::make_pair(-2, -2));
  EXPECT_EQ(shifts.rbegin()->first, std::make_pair(2, 2));
  for (const auto& [shift, count] : shifts) {
    EXPECT_NEAR(count, 160, 62) << shift.first << ", " << shift.second;
  }
  EXPECT_NEAR(flips, 2000, 158);
}

TEST(Augment, PixelsOfAFlippedAndMovedImage) {
  Augmentation a;
  a.dy = 1;
  a.dx = -1;
  a.flip = true;
  // columns of the source: -1, 0, 1 flipped to outside, 2, 1; rows 1, 2
  const int want[2][3] = {{0, place(1, 2), place(1, 1)}, {0, 0, 0}};
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 3; ++x) {
      EXPECT_EQ(pixel(a, y, x, 2, 3), static_cast<float>(want[y][x])) << y << ", " << x;
    }
  }
}

TEST(Augment, SinesAreNearThoseOfTheLibrary) {
  for (int angle = -180 * augment::kDegree; angle <= 180 * augment::kDegree; ++angle) {
    const double radians = angle * std::numbers::pi / (180.0 * augment::kDegree);
    EXPECT_NEAR(static_cast<double>(augment::sine(angle)) / augment::kUnit, std::sin(radians), 0x1p-22);
    EXPECT_NEAR(static_cast<double>(augment::cosine(angle)) / augment::kUnit, std::cos(radians), 0x1p-22);
  }
}

Augmentation turned(int degrees) {
  Augmentation a;
  const std::int64_t angle = degrees * augment::kDegree;
  a.along = static_cast<std::int32_t>((augment::cosine(angle) + (1 << 13)) >> 14U);
  a.across = static_cast<std::int32_t>((augment::sine(angle) + (1 << 13)) >> 14U);
  return a;
}

TEST(Augment, QuarterTurnsMovePixelsExactly) {
  constexpr int kSide = 5;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      EXPECT_EQ(pixel(turned(90), y, x, kSide, kSide), static_cast<float>(place(x, kSide - 1 - y)));
      EXPECT_EQ(pixel(turned(-90), y, x, kSide, kSide), static_cast<float>(place(kSide - 1 - x, y)));
      EXPECT_EQ(pixel(turned(180), y, x, kSide, kSide), static_cast<float>(place(kSide - 1 - y, kSide - 1 - x)));
    }
  }
}

/// Bilinear interpolation in float64, from the definition.
double bilinear(double y, double x, int h, int w, bool flip) {
  double sum = 0.0;
  for (int row = 0; row < h; ++row) {
    for (int column = 0; column < w; ++column) {
      const double weight = std::max(0.0, 1.0 - std::fabs(y - row)) * std::max(0.0, 1.0 - std::fabs(x - column));
      sum += weight * place(row, flip ? w - 1 - column : column);
    }
  }
  return sum;
}

// Weights have 8 bits: a pixel between neighbours that differ by at most 255 is off by at most 2 of 255.
TEST(Augment, TurnedAndEnlargedImagesAreInterpolated) {
  constexpr int kH = 9, kW = 12;
  std::set<int> angles;
  double least = 1.0;
  for (std::uint64_t sample = 0; sample < 200; ++sample) {
    const Augmentation a = augmentation({.shift = 1, .flip = true, .rotation = 40, .crop = 50}, kKey, sample, kH, kW);
    const double zoom = std::hypot(a.along, a.across) / augment::kPixel;
    angles.insert(static_cast<int>(std::round(std::atan2(a.across, a.along) * 180.0 / std::numbers::pi)));
    least = std::min(least, zoom);
    ASSERT_LE(zoom, 1.0001);
    ASSERT_LE(std::abs(a.center_y), (1.0 - zoom) * kH / 2 * augment::kPixel + 2) << "what is seen lies inside";
    ASSERT_LE(std::abs(a.center_x), (1.0 - zoom) * kW / 2 * augment::kPixel + 2);
    const double cosine = static_cast<double>(a.along) / augment::kPixel;
    const double sine = static_cast<double>(a.across) / augment::kPixel;
    for (int y = 0; y < kH; ++y) {
      for (int x = 0; x < kW; ++x) {
        const double u = y + a.dy - (kH - 1) / 2.0, v = x + a.dx - (kW - 1) / 2.0;
        const double at_y = cosine * u + sine * v + (kH - 1) / 2.0 + static_cast<double>(a.center_y) / augment::kPixel;
        const double at_x = cosine * v - sine * u + (kW - 1) / 2.0 + static_cast<double>(a.center_x) / augment::kPixel;
        ASSERT_NEAR(pixel(a, y, x, kH, kW), bilinear(at_y, at_x, kH, kW, a.flip), 2.0);
      }
    }
  }
  EXPECT_EQ(*angles.begin(), -40);
  EXPECT_EQ(*angles.rbegin(), 40);
  EXPECT_NEAR(least, 0.5, 0.01);
}

TEST(Augment, CutBoxesAreCentredAnywhereInTheImage) {
  std::set<std::pair<int, int>> corners;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    const Augmentation a = augmentation({.cutout = 4}, kKey, sample, 5, 7);
    EXPECT_EQ(a.cut_bottom - a.cut_top, 4);
    EXPECT_EQ(a.cut_right - a.cut_left, 4);
    EXPECT_TRUE(a.is_cut(std::max(a.cut_top, 0), std::max(a.cut_left, 0)));
    EXPECT_FALSE(a.is_cut(a.cut_bottom, a.cut_left));
    EXPECT_FALSE(a.is_cut(a.cut_top, a.cut_left - 1));
    corners.insert({a.cut_top, a.cut_left});
  }
  EXPECT_EQ(corners.size(), 35U);
  EXPECT_EQ(*corners.begin(), std::make_pair(-2, -2));
}

TEST(Augment, DependsOnKeyAndSampleAlone) {
  const AugmentRule rule{.shift = 100, .flip = false, .cutout = 0};
  EXPECT_EQ(augmentation(rule, kKey, 9, 32, 32).dy, augmentation(rule, kKey, 9, 28, 28).dy);
  std::set<int> seen;
  for (std::uint64_t sample = 0; sample < 50; ++sample) {
    seen.insert(augmentation(rule, kKey, sample, 32, 32).dy);
    seen.insert(augmentation(rule, kKey.derive(1), sample, 32, 32).dy);
  }
  EXPECT_GT(seen.size(), 60U);  // of 100 numbers below 201, some 79 differ
}

TEST(Augment, BytesBecomeMinusOneToOne) {
  EXPECT_EQ(normalized(0), -1.0F);
  EXPECT_EQ(normalized(255), 1.0F);
  EXPECT_EQ(normalized(51), 51.0F / 127.5F - 1.0F);
  EXPECT_EQ(normalized(127.5F), 0.0F);
  EXPECT_EQ(normalized(0, 2.0F), -2.0F);
  EXPECT_EQ(normalized(255, 2.0F), 0.0F);
}

}  // namespace
}  // namespace bnas
