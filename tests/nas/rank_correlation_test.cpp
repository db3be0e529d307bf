// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/rank_correlation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "bnas/core/error.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {
namespace {

/// Oracle: Pearson correlation of ranks counted one by one.
double spearman_oracle(const std::vector<double>& a, const std::vector<double>& b) {
  const auto rank = [](const std::vector<double>& x, double value) {
    double below = 0.0;
    double equal = 0.0;
    for (const double other : x) {
      below += other < value ? 1.0 : 0.0;
      equal += other == value ? 1.0 : 0.0;
    }
    return below + (equal + 1.0) / 2.0;
  };
  const double mean = (static_cast<double>(a.size()) + 1.0) / 2.0;
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = rank(a, a[i]) - mean;
    const double y = rank(b, b[i]) - mean;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / std::sqrt(aa * bb);
}

/// Oracle: all pairs.
double kendall_oracle(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0.0, untied_a = 0.0, untied_b = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double x = a[i] < a[j] ? -1.0 : a[i] > a[j] ? 1.0 : 0.0;
      const double y = b[i] < b[j] ? -1.0 : b[i] > b[j] ? 1.0 : 0.0;
      difference += x * y;
      untied_a += x * x;
      untied_b += y * y;
    }
  }
  return difference / std::sqrt(untied_a * untied_b);
}

TEST(RankCorrelationTest, KnownValues) {
  const std::vector<double> up{1, 2, 3, 4, 5};
  const std::vector<double> down{10, 8, 6, 4, 2};
  const std::vector<double> mixed{2, 1, 4, 3, 5};  // sum of squared rank differences 4; two of ten pairs discordant
  EXPECT_DOUBLE_EQ(spearman(up, up), 1.0);
  EXPECT_DOUBLE_EQ(spearman(up, down), -1.0);
  EXPECT_DOUBLE_EQ(spearman(up, mixed), 1.0 - 6.0 * 4.0 / (5.0 * 24.0));
  EXPECT_DOUBLE_EQ(kendall_tau_b(up, up), 1.0);
  EXPECT_DOUBLE_EQ(kendall_tau_b(up, down), -1.0);
  EXPECT_DOUBLE_EQ(kendall_tau_b(up, mixed), 0.6);
}

TEST(RankCorrelationTest, AgreesWithCountingWhateverTheTies) {
  const RandomKey key{5, 0, RandomPurpose::sample};
  std::uint64_t index = 0;
  for (const std::uint32_t levels : {2U, 3U, 10U, 1000000U}) {  // from nearly all tied to none
    for (const std::size_t n : {2U, 3U, 7U, 64U, 201U}) {
      std::vector<double> a(n);
      std::vector<double> b(n);
      for (std::size_t i = 0; i < n; ++i) {
        a[i] = key.below(index++, levels);
        b[i] = 0.3 * a[i] + key.below(index++, levels);
      }
      a[0] = -1.0;  // never constant
      b[1] = -2.0;
      EXPECT_NEAR(spearman(a, b), spearman_oracle(a, b), 1e-12);
      EXPECT_NEAR(kendall_tau_b(a, b), kendall_oracle(a, b), 1e-12);
    }
  }
}

TEST(RankCorrelationTest, UndefinedIsNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::pair<std::vector<double>, std::vector<double>>> undefined{
      {{}, {}}, {{1}, {1}}, {{1, 1, 1}, {1, 2, 3}}, {{1, 2, 3}, {4, 4, 4}}, {{1, nan, 3}, {1, 2, 3}}};
  for (const auto& [a, b] : undefined) {
    EXPECT_TRUE(std::isnan(spearman(a, b)));
    EXPECT_TRUE(std::isnan(kendall_tau_b(a, b)));
  }
}

TEST(RankCorrelationTest, UnequalLengthsAreRefused) {
  const std::vector<double> two{1, 2};
  const std::vector<double> three{1, 2, 3};
  EXPECT_THROW(spearman(two, three), Error);
  EXPECT_THROW(kendall_tau_b(two, three), Error);
}

TEST(RankCorrelationTest, InfinitiesRankLast) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_DOUBLE_EQ(spearman(std::vector<double>{1, infinity, 2}, std::vector<double>{1, 3, 2}), 1.0);
}

}  // namespace
}  // namespace bnas::nas
