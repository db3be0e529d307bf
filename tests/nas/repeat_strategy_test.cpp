// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/repeat_strategy.hpp"

#include <gtest/gtest.h>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

class RepeatStrategyTest : public testing::Test {
 protected:
  std::vector<Trial> measured(const std::vector<Proposal>& proposals) {
    std::vector<Trial> trials;
    for (const Proposal& p : proposals) {
      Trial& t = trials.emplace_back();
      t.genotype = p.genotype;
      t.status = TrialStatus::done;
      t.reward = 0.5;
    }
    return trials;
  }

  const SearchSpace space_{SpaceConfig::pnas({"linear", "3x3 bconv"}, 3)};
  const Genotype cell_{{{-1, 1, -2, 0}, {-1, 0, 0, 1}}};
};

TEST_F(RepeatStrategyTest, AsksOnceForAllRepeats) {
  RepeatStrategy strategy(cell_, 3, space_);
  EXPECT_EQ(strategy.planned_trials(), 3);
  const std::vector<Proposal> batch = strategy.ask();
  ASSERT_EQ(batch.size(), 3U);
  for (const Proposal& p : batch) {
    EXPECT_EQ(p.genotype, space_.canonical(cell_));
    EXPECT_EQ(p.level, 2);
  }
  strategy.tell(measured(batch));
  EXPECT_TRUE(strategy.ask().empty());
}

TEST_F(RepeatStrategyTest, GoesOnFromItsState) {
  RepeatStrategy first(cell_, 2, space_);
  const std::vector<Proposal> batch = first.ask();
  RepeatStrategy second(cell_, 2, space_);
  second.restore(first.state());
  second.tell(measured(batch));
  EXPECT_TRUE(second.ask().empty());
  RepeatStrategy more(cell_, 3, space_);
  EXPECT_THROW(more.restore(first.state()), Error) << "another number of repeats is another run";
}

TEST_F(RepeatStrategyTest, RefusesWhatIsNoCell) {
  EXPECT_THROW(RepeatStrategy(Genotype{{{0, 0, -1, 0}}}, 1, space_), Error);
  EXPECT_THROW(RepeatStrategy(cell_, 0, space_), Error);
}

}  // namespace
}  // namespace bnas::nas
