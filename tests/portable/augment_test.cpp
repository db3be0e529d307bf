// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace bnas {
namespace {

constexpr RandomKey kKey{3, 5, RandomPurpose::augment};
constexpr int kSamples = 4000;

TEST(Augment, DefaultIsTheIdentity) {
  EXPECT_TRUE(AugmentRule{}.is_identity());
  for (std::uint64_t sample = 0; sample < 20; ++sample) {
    const Augmentation a = augmentation({}, kKey, sample, 3, 4);
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 4; ++x) {
        EXPECT_EQ(a.source(y, x, 3, 4), y * 4 + x);
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

TEST(Augment, SourceOfAFlippedAndMovedImage) {
  Augmentation a;
  a.dy = 1;
  a.dx = -1;
  a.flip = true;
  // columns of the source: -1, 0, 1 flipped to outside, 2, 1; rows 1, 2
  const std::int32_t want[2][3] = {{-1, 3 + 2, 3 + 1}, {-1, -1, -1}};
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 3; ++x) {
      EXPECT_EQ(a.source(y, x, 2, 3), want[y][x]) << y << ", " << x;
    }
  }
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
}

}  // namespace
}  // namespace bnas
