// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/philox.hpp"

#include <gtest/gtest.h>

#include <set>

namespace bnas {
namespace {

void expect_block(const Philox4& got, const Philox4& want) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(got.v[i], want.v[i]) << "word " << i;
  }
}

TEST(Philox, KnownAnswersOfRandom123) {
  expect_block(philox4x32({{0, 0, 0, 0}}, 0, 0), {{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}});
  const std::uint32_t ones = 0xffffffffU;
  expect_block(philox4x32({{ones, ones, ones, ones}}, ones, ones),
               {{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}});
  expect_block(philox4x32({{0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}}, 0xa4093822U, 0x299f31d0U),
               {{0xd16cfe09U, 0x94fdcceb, 0x5001e420U, 0x24126ea1U}});
}

TEST(Philox, UniformCoversTheHalfOpenUnitInterval) {
  EXPECT_EQ(uniform01(0), 0.0F);
  EXPECT_EQ(uniform01(255), 0.0F);
  EXPECT_EQ(uniform01(0x80000000U), 0.5F);
  EXPECT_EQ(uniform01(0xffffffffU), 1.0F - 0x1.0p-24F);
}

TEST(Philox, NumbersAreTheWordsOfBlocks) {
  const RandomKey key{5, 6, RandomPurpose::sample};
  for (std::uint64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(key.bits(i), key.block(i / 4).v[i % 4]);
    EXPECT_EQ(key.uniform(i), uniform01(key.bits(i)));
    EXPECT_LT(key.below(i, 7), 7U);
  }
}

TEST(Philox, SeedStreamPurposeIndexAndDerivationAllMatter) {
  const RandomKey key{5, 6, RandomPurpose::init};
  std::set<std::uint32_t> numbers = {
      key.bits(0),
      key.bits(1),
      key.bits(std::uint64_t{4} << 32U),
      RandomKey{6, 6, RandomPurpose::init}.bits(0),
      RandomKey{std::uint64_t{5} << 32U, 6, RandomPurpose::init}.bits(0),
      RandomKey{5, 7, RandomPurpose::init}.bits(0),
      RandomKey{5, std::uint64_t{6} << 32U, RandomPurpose::init}.bits(0),
      RandomKey{5, 6, RandomPurpose::shuffle}.bits(0),
      key.derive(0).bits(0),
      key.derive(1).bits(0),
      key.derive(0).derive(1).bits(0),
      key.derive(1).derive(0).bits(0),
  };
  EXPECT_EQ(numbers.size(), 12U);
  EXPECT_EQ(key.derive(3).bits(9), key.derive(3).bits(9));
}

TEST(Philox, MomentsOfUniformNumbers) {
  const RandomKey key{1, 2, RandomPurpose::sample};
  constexpr int kCount = 40000;
  double sum = 0, squares = 0;
  int below_three = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double u = static_cast<double>(key.uniform(i));
    sum += u;
    squares += u * u;
    below_three += key.below(i, 10) < 3 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.0075);  // five standard errors, sqrt(1/12 / 40000) = 0.00144
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 0.0075);
  EXPECT_NEAR(below_three / static_cast<double>(kCount), 0.3, 0.0115);  // sqrt(0.21 / 40000) = 0.0023
}

}  // namespace
}  // namespace bnas
