// SPDX-License-Identifier: Apache-2.0
// Regularized evolution and local search.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "bnas/core/error.hpp"
#include "bnas/nas/batched_strategy.hpp"

namespace bnas::nas {
namespace {

using Reward = std::function<double(const Genotype&)>;

// Five operations in flat cells: a cell is the multiset of its operations.
const SearchSpace& flat_space() {
  static const SearchSpace space(SpaceConfig::flat({"a", "b", "c", "d", "e"}, 3));
  return space;
}

// Best are many "e"; smooth, so that small steps help.
double share_of_last(const Genotype& g) {
  double sum = 0.0;
  for (const Block& b : g.blocks) {
    sum += b.op0 + b.op1;
  }
  return sum / (8.0 * static_cast<double>(g.blocks.size())) * 0.9 + 0.01 * static_cast<double>(g.blocks.size());
}

std::vector<Trial> measure(const std::vector<Proposal>& batch, const Reward& reward) {
  std::vector<Trial> trials;
  for (const Proposal& p : batch) {
    Trial t;
    t.genotype = p.genotype;
    t.status = TrialStatus::done;
    t.reward = reward(p.genotype);
    trials.push_back(t);
  }
  return trials;
}

StrategyConfig config_of(const std::string& kind) {
  return {.kind = kind, .blocks = 3, .children = 30, .population = 10, .tournament = 3, .generation = 4, .seed = 3};
}

std::vector<std::vector<Proposal>> run(const StrategyConfig& config, const SearchSpace& space, const Reward& reward) {
  const auto strategy = make_strategy(config, space, nullptr);
  std::vector<std::vector<Proposal>> batches;
  for (auto batch = strategy->ask(); !batch.empty(); batch = strategy->ask()) {
    strategy->tell(measure(batch, reward));
    batches.push_back(std::move(batch));
  }
  return batches;
}

std::vector<Genotype> cells_of(const std::vector<std::vector<Proposal>>& batches) {
  std::vector<Genotype> cells;
  for (const auto& batch : batches) {
    for (const Proposal& p : batch) {
      cells.push_back(p.genotype);
    }
  }
  return cells;
}

double best_of(const std::vector<Genotype>& cells, const Reward& reward) {
  double best = 0.0;
  for (const Genotype& cell : cells) {
    best = std::max(best, reward(cell));
  }
  return best;
}

std::multiset<int> operations(const Genotype& g) {
  std::multiset<int> all;
  for (const Block& b : g.blocks) {
    all.insert({b.op0, b.op1});
  }
  return all;
}

/// Operations of `a` that `b` has not, counted.
std::size_t surplus(const Genotype& a, const Genotype& b) {
  const std::multiset<int> x = operations(a);
  const std::multiset<int> y = operations(b);
  std::vector<int> rest;
  std::set_difference(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(rest));
  return rest.size();
}

class BaselineStrategy : public testing::TestWithParam<std::string> {};

TEST_P(BaselineStrategy, SpendsTheProgressiveBudgetOnDistinctCells) {
  const SearchSpace pnas(SpaceConfig::pnas({"linear", "3x3 bconv"}, 3));
  for (const SearchSpace* space : {&flat_space(), &pnas}) {
    const auto batches = run(config_of(GetParam()), *space, share_of_last);
    const std::vector<Genotype> cells = cells_of(batches);
    const std::size_t first = space == &pnas ? 10 : 15;
    EXPECT_EQ(cells.size(), first + 30 + 30);
    EXPECT_EQ(std::set<Genotype>(cells.begin(), cells.end()).size(), cells.size()) << "measured twice";
    for (const auto& batch : batches) {
      EXPECT_TRUE(std::is_sorted(batch.begin(), batch.end(),
                                 [](const Proposal& a, const Proposal& b) { return a.level < b.level; }));
      for (const Proposal& p : batch) {
        EXPECT_EQ(p.level, static_cast<int>(p.genotype.blocks.size()));
        EXPECT_EQ(p.genotype, space->canonical(p.genotype));
      }
    }
    EXPECT_EQ(cells_of(run(config_of(GetParam()), *space, share_of_last)), cells);
    StrategyConfig other = config_of(GetParam());
    other.seed = 4;
    EXPECT_NE(cells_of(run(other, *space, share_of_last)), cells);
  }
}

TEST_P(BaselineStrategy, GoesOnAfterEveryBatchAsIfNothingHadHappened) {
  const StrategyConfig config = config_of(GetParam());
  const auto batches = run(config, flat_space(), share_of_last);
  std::string state;
  for (const auto& expected : batches) {
    const auto strategy = make_strategy(config, flat_space(), nullptr);
    if (!state.empty()) {
      strategy->restore(state);
    }
    const std::vector<Proposal> batch = strategy->ask();
    ASSERT_EQ(batch.size(), expected.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      ASSERT_EQ(batch[i].genotype, expected[i].genotype);
    }
    const auto asked = make_strategy(config, flat_space(), nullptr);
    asked->restore(strategy->state());  // killed between ask and tell
    asked->tell(measure(batch, share_of_last));
    state = asked->state();
  }
}

TEST_P(BaselineStrategy, AnotherSettingIsAnotherRun) {
  const auto strategy = make_strategy(config_of(GetParam()), flat_space(), nullptr);
  static_cast<void>(strategy->ask());
  StrategyConfig other = config_of(GetParam());
  other.generation = 5;
  EXPECT_THROW(make_strategy(other, flat_space(), nullptr)->restore(strategy->state()), Error);
}

TEST_P(BaselineStrategy, FindsMoreThanChance) {
  StrategyConfig small = config_of(GetParam());
  small.children = 12;  // 39 of the 295 cells
  double own = 0.0;
  double chance = 0.0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    small.seed = seed;
    small.kind = GetParam();
    own += best_of(cells_of(run(small, flat_space(), share_of_last)), share_of_last) / 10.0;
    small.kind = "random";
    chance += best_of(cells_of(run(small, flat_space(), share_of_last)), share_of_last) / 10.0;
  }
  EXPECT_GT(own, chance);
}

TEST_P(BaselineStrategy, EndsWithTheSpace) {
  const SearchSpace one(SpaceConfig::flat({"a"}, 3));
  EXPECT_EQ(cells_of(run(config_of(GetParam()), one, share_of_last)).size(), 3U);
}

TEST_P(BaselineStrategy, SurvivesThatEverythingDiverges) {
  const auto strategy = make_strategy(config_of(GetParam()), flat_space(), nullptr);
  std::size_t count = 0;
  for (auto batch = strategy->ask(); !batch.empty(); batch = strategy->ask()) {
    std::vector<Trial> trials = measure(batch, share_of_last);
    for (Trial& t : trials) {
      t.status = TrialStatus::diverged;
    }
    strategy->tell(trials);
    count += batch.size();
  }
  EXPECT_EQ(count, 75U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, BaselineStrategy, testing::Values("evolution", "local-search"),
                         [](const testing::TestParamInfo<std::string>& param) {
                           return param.param == "evolution" ? "evolution" : "local_search";
                         });

TEST(EvolutionStrategy, ChildrenAreOneStepFromALivingParent) {
  StrategyConfig config = config_of("evolution");
  config.children = 12;  // so few that no winner has had all its children
  const auto batches = run(config, flat_space(), share_of_last);
  EXPECT_EQ(batches[0].size(), 10U) << "the population";
  std::vector<Genotype> told;
  for (const auto& batch : batches) {
    for (const Proposal& child : batch) {
      if (&batch == &batches[0]) {
        continue;
      }
      const std::size_t oldest = told.size() - 10;
      EXPECT_TRUE(std::any_of(told.begin() + static_cast<std::ptrdiff_t>(oldest), told.end(), [&](const Genotype& p) {
        const std::size_t more = surplus(child.genotype, p);
        const std::size_t less = surplus(p, child.genotype);
        return (more == 1 && less == 1) || (more == 2 && less == 0) || (more == 0 && less == 2);
      })) << flat_space().text(child.genotype);
    }
    for (const Proposal& p : batch) {
      told.push_back(p.genotype);
    }
  }
}

TEST(LocalSearchStrategy, ClimbsThroughNeighboursToASummit) {
  const auto batches = run(config_of("local-search"), flat_space(), share_of_last);
  EXPECT_EQ(batches[0].size(), 4U);
  Genotype centre;
  std::set<Genotype> seen;
  int climbs = 0;
  for (const auto& batch : batches) {
    const bool around = !centre.blocks.empty() && std::all_of(batch.begin(), batch.end(), [&](const Proposal& p) {
      return surplus(p.genotype, centre) == 1 && surplus(centre, p.genotype) == 1;
    });
    if (!around) {  // a new start: every neighbour of the summit is known
      ++climbs;
      for (std::size_t b = 0; b < centre.blocks.size(); ++b) {
        for (std::uint8_t op = 0; op < 5; ++op) {
          for (const auto half : {&Block::op0, &Block::op1}) {
            Genotype neighbour = centre;
            neighbour.blocks[b].*half = op;
            EXPECT_TRUE(seen.contains(flat_space().canonical(neighbour)));
          }
        }
      }
      centre.blocks.clear();
    }
    for (const Proposal& p : batch) {
      seen.insert(p.genotype);
      if (centre.blocks.empty() || share_of_last(p.genotype) > share_of_last(centre)) {
        centre = p.genotype;
      }
    }
  }
  EXPECT_GT(climbs, 1);
}

TEST(BaselineStrategies, RefuseBadSettings) {
  StrategyConfig config = config_of("evolution");
  config.tournament = 11;
  EXPECT_THROW(static_cast<void>(make_strategy(config, flat_space(), nullptr)), Error);
  config = config_of("local-search");
  config.generation = 0;
  EXPECT_THROW(static_cast<void>(make_strategy(config, flat_space(), nullptr)), Error);
}

}  // namespace
}  // namespace bnas::nas
