// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/measured_rewards.hpp"

#include <gtest/gtest.h>

namespace bnas::nas {
namespace {

Genotype cell(std::uint8_t op) { return {{{-1, op, -1, op}}}; }

TEST(MeasuredRewards, PartsGainWhatWholeTrainingsOfTheirLevelGained) {
  const Genotype a = cell(0);
  const Genotype b = cell(1);
  const Genotype c = cell(2);
  const Genotype d = cell(3);
  const std::vector<Measurement> all{{&d, 1, true, 0.3},   {&a, 2, false, 0.5}, {&b, 2, false, 0.4},
                                     {&c, 2, false, 0.85}, {&a, 2, true, 0.75}, {&c, 2, true, 0.9}};
  const MeasuredRewards out = comparable_rewards(all);
  EXPECT_EQ(out.cells, (std::vector<Genotype>{d, b, a, c}));
  ASSERT_EQ(out.rewards.size(), 4U);
  EXPECT_DOUBLE_EQ(out.rewards[0], 0.3);
  EXPECT_DOUBLE_EQ(out.rewards[1], 0.4 + (0.25 + 0.05) / 2.0);
  EXPECT_DOUBLE_EQ(out.rewards[2], 0.75);
  EXPECT_DOUBLE_EQ(out.rewards[3], 0.9);
}

TEST(MeasuredRewards, WithoutWholeTrainingsPartsStayAndGainsEndAtOne) {
  const Genotype a = cell(0);
  const Genotype b = cell(1);
  EXPECT_EQ(comparable_rewards(std::vector<Measurement>{{&a, 2, false, 0.5}}).rewards, (std::vector<double>{0.5}));
  const std::vector<Measurement> all{{&a, 2, false, 0.2}, {&b, 2, false, 0.9}, {&a, 2, true, 0.7}};
  EXPECT_EQ(comparable_rewards(all).rewards, (std::vector<double>{1.0, 0.7}));
  EXPECT_TRUE(comparable_rewards({}).cells.empty());
}

TEST(MeasuredRewards, AnEarlierRunIsBroughtToTheScaleOfThisOne) {
  const MeasuredRewards earlier{{cell(0), cell(1), {{{-1, 2, -1, 2}, {0, 2, 0, 2}}}}, {0.2, 0.4, 0.5}};
  // Nothing measured here yet: as it was.
  EXPECT_EQ(with_earlier({}, earlier).rewards, earlier.rewards);
  // Cells of one block: mean 0.3 and deviation 0.1 there, 0.7 and 0.1 here; two cells have 2 / (2 + 8) of the say.
  const MeasuredRewards out = with_earlier({{cell(0), cell(3)}, {0.6, 0.8}}, earlier);
  EXPECT_EQ(out.cells, (std::vector<Genotype>{cell(0), cell(3), cell(1), earlier.cells[2]}));
  ASSERT_EQ(out.rewards.size(), 4U);
  EXPECT_EQ(out.rewards[0], 0.6) << "what was measured here counts";
  const double mean = 0.2 * 0.7 + 0.8 * 0.3;
  EXPECT_NEAR(out.rewards[2], mean + 0.1, 1e-12);
  EXPECT_NEAR(out.rewards[3], mean + 0.2, 1e-12);
  // A run whose cells were all alike has no scale; rewards stay in [0, 1].
  EXPECT_EQ(with_earlier({{cell(3)}, {0.9}}, {{cell(0)}, {0.5}}).rewards[1], 1.0 / 9.0 * 0.9 + 8.0 / 9.0 * 0.5);
  EXPECT_EQ(with_earlier({}, {}).cells.size(), 0U);
}

}  // namespace
}  // namespace bnas::nas
