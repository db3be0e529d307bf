// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/batch_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace bnas {
namespace {

TEST(BatchNorm, MomentsOfSmallIntegersAreExact) {
  const Moments m = moments_from_sums(std::int64_t{10}, std::int64_t{30}, 4);  // 1, 2, 3, 4
  EXPECT_EQ(m.mean, 2.5F);
  EXPECT_EQ(m.variance, 1.25F);
  const Moments constant = moments_from_sums(std::int64_t{-21}, std::int64_t{147}, 3);  // -7 three times
  EXPECT_EQ(constant.mean, -7.0F);
  EXPECT_EQ(constant.variance, 0.0F);
}

TEST(BatchNorm, VarianceIsNeverNegativeButShowsNaN) {
  EXPECT_EQ(moments_from_sums(3.0, 2.9999999, 3).variance, 0.0F);
  EXPECT_TRUE(std::isnan(moments_from_sums(std::numeric_limits<double>::quiet_NaN(), 1.0, 3).variance));
}

TEST(BatchNorm, ReciprocalRoundsOnce) {
  EXPECT_EQ(reciprocal_std(4.0F, 0.0F), 0.5F);
  EXPECT_EQ(reciprocal_std(2.0F, 0.0F), static_cast<float>(std::sqrt(0.5)));
  EXPECT_EQ(reciprocal_std(0.0F, 1e-4F), static_cast<float>(1.0 / std::sqrt(static_cast<double>(1e-4F))));
}

TEST(BatchNorm, AffineIsFused) {
  EXPECT_EQ(batch_norm_affine(5.0F, 1.0F, 0.5F, -1.0F), 1.0F);
  // (1 + 2^-12)^2 - 1 - 2^-11 = 2^-24 exactly; rounding the product first would give 0, whose sign differs.
  const float a = 1.0F + 0x1.0p-12F;
  EXPECT_EQ(batch_norm_affine(a, 0.0F, a, -(1.0F + 0x1.0p-11F)), 0x1.0p-24F);
  EXPECT_EQ(batch_norm_affine(-a, 0.0F, a, 1.0F + 0x1.0p-11F), -0x1.0p-24F);
}

}  // namespace
}  // namespace bnas
