// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/surrogate_evaluation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/toy_surrogate.hpp"

namespace bnas::nas {
namespace {

/// Flat cells of operations 0 and 1 whose reward grows with the share of operation 1, in two runs: the second measures
/// half as much, plus 0.4.
struct TwoRuns {
  std::vector<Genotype> cells;
  std::vector<double> rewards;
  std::vector<std::int32_t> runs;

  TwoRuns() {
    for (std::int32_t run = 0; run < 2; ++run) {
      for (int repeat = 0; repeat < 20; ++repeat) {  // a run with few cells is taken to be like the other
        add({{{-1, 0, -1, 0}}}, 0.1, run);
        add({{{-1, 0, -1, 1}}}, 0.3, run);
        add({{{-1, 1, -1, 1}}}, 0.5, run);
      }
      add({{{-1, 0, -1, 0}, {-1, 0, -1, 0}}}, 0.1, run);
      add({{{-1, 0, -1, 0}, {-1, 0, -1, 1}}}, 0.2, run);
      add({{{-1, 0, -1, 1}, {-1, 1, -1, 1}}}, 0.4, run);
    }
  }
  void add(const Genotype& cell, double reward, std::int32_t run) {
    cells.push_back(cell);
    rewards.push_back(run == 0 ? reward : 0.4 + 0.5 * reward);
    runs.push_back(run);
  }
};

TEST(SurrogateEvaluation, FitsSmallerCellsAndRanksTheNextLevel) {
  const TwoRuns data;
  const SearchSpace space(SpaceConfig::flat({"a", "b"}, 3));
  const auto calls = std::make_shared<test::ToySurrogate::Calls>();
  test::ToySurrogate toy(calls);
  const auto levels = extrapolate(toy, space, {data.cells, data.rewards, data.runs});
  ASSERT_EQ(levels.size(), 1U) << "there are no cells of three blocks";
  EXPECT_EQ(levels[0].level, 2);
  EXPECT_EQ(levels[0].seen, 120);
  EXPECT_EQ(levels[0].ranked, 6);
  EXPECT_EQ(calls->fitted, 120U);
  EXPECT_EQ(calls->predicted, 6U);
  EXPECT_DOUBLE_EQ(levels[0].within_runs, 1.0);
  EXPECT_DOUBLE_EQ(levels[0].spearman, 1.0) << "each run's scale is known from the smaller cells";
}

TEST(SurrogateEvaluation, ASingleRunIsFittedAsItIs) {
  const TwoRuns data;
  const SearchSpace space(SpaceConfig::flat({"a", "b"}, 2));
  class Spy final : public Surrogate {
   public:
    std::string name() const override { return "spy"; }
    void fit(std::span<const std::vector<std::int32_t>>, std::span<const double> rewards) override {
      seen.assign(rewards.begin(), rewards.end());
    }
    std::vector<Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const override {
      return std::vector<Prediction>(tokens.size());
    }
    std::vector<double> seen;
  } spy;
  constexpr std::size_t kRun = 63;
  const auto levels = extrapolate(
      spy, space,
      {std::span(data.cells).first(kRun), std::span(data.rewards).first(kRun), std::span(data.runs).first(kRun)});
  ASSERT_EQ(spy.seen.size(), 60U);
  spy.seen.resize(3);
  EXPECT_EQ(spy.seen, (std::vector<double>{0.1, 0.3, 0.5}));
  EXPECT_TRUE(std::isnan(levels[0].spearman)) << "equal predictions rank nothing";
  EXPECT_TRUE(std::isnan(levels[0].within_runs));
}

}  // namespace
}  // namespace bnas::nas
