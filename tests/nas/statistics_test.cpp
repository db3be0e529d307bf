// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace bnas::nas {
namespace {

// The bounds solve (p - bound)^2 = z^2 bound (1 - bound) / n: Wilson's definition, by bisection.
TEST(WilsonInterval, BoundsAreWhereTheScoreTestJustHolds) {
  const double z = 1.959963984540054;
  for (const auto& [successes, n] : {std::pair(9000, 10'000), std::pair(1, 10), std::pair(5, 10), std::pair(7, 8)}) {
    const double p = static_cast<double>(successes) / n;
    const auto score = [&, count = n](double bound) {
      return (p - bound) * (p - bound) - z * z * bound * (1.0 - bound) / count;
    };
    const auto root = [&](double outside, double inside) {
      for (int i = 0; i < 100; ++i) {
        const double middle = (outside + inside) / 2.0;
        (score(middle) > 0.0 ? outside : inside) = middle;
      }
      return inside;
    };
    const Interval got = wilson_interval(successes, n);
    EXPECT_NEAR(got.low, root(0.0, p), 1e-12);
    EXPECT_NEAR(got.high, root(1.0, p), 1e-12);
  }
}

TEST(WilsonInterval, AllAndNoneHaveIntervalsToo) {
  const Interval all = wilson_interval(100, 100), none = wilson_interval(0, 100);
  EXPECT_EQ(all.high, 1.0);
  EXPECT_GT(all.low, 0.9);
  EXPECT_LT(all.low, 1.0);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_NEAR(none.high, 1.0 - all.low, 1e-12);
}

TEST(SpreadOf, IsThatOfTheSample) {
  const std::vector<double> values{2.0, 4.0, 9.0};
  EXPECT_DOUBLE_EQ(spread_of(values).mean, 5.0);
  EXPECT_DOUBLE_EQ(spread_of(values).deviation, std::sqrt((9.0 + 1.0 + 16.0) / 2.0));
  EXPECT_TRUE(std::isnan(spread_of(std::vector<double>{3.0}).deviation));
}

}  // namespace
}  // namespace bnas::nas
