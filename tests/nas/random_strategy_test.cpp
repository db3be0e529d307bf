// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/random_strategy.hpp"

#include <gtest/gtest.h>

#include <set>

#include "support/toy_trainer.hpp"

namespace bnas::nas {
namespace {

/// Asks and tells to the end; the cells in order.
std::vector<Genotype> run(const StrategyConfig& config, const SearchSpace& space) {
  RandomStrategy strategy(config, space);
  const std::int64_t planned = strategy.planned_trials();
  std::vector<Genotype> cells;
  for (auto batch = strategy.ask(); !batch.empty(); batch = strategy.ask()) {
    std::vector<Trial> trials;
    for (const Proposal& p : batch) {
      EXPECT_EQ(p.level, static_cast<int>(p.genotype.blocks.size()));
      EXPECT_EQ(p.genotype, space.canonical(p.genotype));
      EXPECT_FALSE(p.predicted);
      Trial t;
      t.genotype = p.genotype;
      t.status = TrialStatus::done;
      t.reward = test::ToyTrainer::quality(p.genotype);
      trials.push_back(t);
      cells.push_back(p.genotype);
    }
    strategy.tell(trials);
  }
  EXPECT_EQ(static_cast<std::int64_t>(cells.size()), planned);
  EXPECT_EQ(std::set<Genotype>(cells.begin(), cells.end()).size(), cells.size()) << "measured twice";
  return cells;
}

int count_of_size(const std::vector<Genotype>& cells, std::size_t blocks) {
  return static_cast<int>(
      std::count_if(cells.begin(), cells.end(), [&](const Genotype& g) { return g.blocks.size() == blocks; }));
}

TEST(RandomStrategy, SpendsTheProgressiveBudgetOnDistinctCells) {
  const SearchSpace space(SpaceConfig::pnas({"linear", "3x3 bconv"}, 3));
  const StrategyConfig config{.kind = "random", .blocks = 3, .children = 30, .seed = 1};
  const std::vector<Genotype> cells = run(config, space);
  EXPECT_EQ(cells.size(), 10U + 30 + 30);
  for (std::size_t blocks = 1; blocks <= 3; ++blocks) {
    EXPECT_GT(count_of_size(cells, blocks), 0);
  }
  EXPECT_EQ(run(config, space), cells);
  StrategyConfig other = config;
  other.seed = 2;
  EXPECT_NE(run(other, space), cells);
}

TEST(RandomStrategy, CanDrawLargestCellsOnly) {
  const SearchSpace space(SpaceConfig::pnas({"linear", "3x3 bconv"}, 3));
  const std::vector<Genotype> cells =
      run({.kind = "random", .blocks = 3, .children = 30, .largest_only = true, .seed = 1}, space);
  EXPECT_EQ(cells.size(), 70U);
  EXPECT_EQ(count_of_size(cells, 3), 70);
}

TEST(RandomStrategy, StopsAtTheLastCellOfASmallSpace) {
  // One operator, one input, no block read: one cell of each size, though the plan would allow more.
  const SearchSpace space(SpaceConfig::flat({"linear"}, 3));
  EXPECT_EQ(run({.kind = "random", .blocks = 3, .children = 30, .seed = 1}, space).size(), 3U);
  EXPECT_EQ(run({.kind = "random", .blocks = 3, .children = 30, .largest_only = true, .seed = 1}, space).size(), 1U);
}

}  // namespace
}  // namespace bnas::nas
