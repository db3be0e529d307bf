// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/bits.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace bnas {
namespace {

TEST(Bits, OneMeansMinusOneAndZeroIsPositive) {
  EXPECT_EQ(sign_bit(-0.5F), 1U);
  EXPECT_EQ(sign_bit(0.5F), 0U);
  EXPECT_EQ(sign_bit(0.0F), 0U);
  EXPECT_EQ(sign_bit(-0.0F), 0U);
  EXPECT_EQ(sign_bit(std::numeric_limits<float>::quiet_NaN()), 0U);
  EXPECT_EQ(sign_bit(-std::numeric_limits<float>::denorm_min()), 1U);
  EXPECT_EQ(bit_value(0), 1.0F);
  EXPECT_EQ(bit_value(1), -1.0F);
}

TEST(Bits, WordsAndTails) {
  EXPECT_EQ(words_for(0), 0);
  EXPECT_EQ(words_for(1), 1);
  EXPECT_EQ(words_for(32), 1);
  EXPECT_EQ(words_for(33), 2);
  EXPECT_EQ(tail_mask(1), 1U);
  EXPECT_EQ(tail_mask(31), 0x7FFFFFFFU);
  EXPECT_EQ(tail_mask(32), 0xFFFFFFFFU);
  EXPECT_EQ(tail_mask(65), 1U);
}

TEST(Bits, DotCountsMismatchesTwice) {
  // (+1, -1, -1) . (+1, +1, -1) = 1 - 1 + 1 with one mismatch of three.
  EXPECT_EQ(dot_from_mismatches(3, 1), 1);
  EXPECT_EQ(dot_from_mismatches(800, 800), -800);
}

}  // namespace
}  // namespace bnas
