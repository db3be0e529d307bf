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

  const Genotype cell_{{{-1, 0, -2, 1}, {-1, 0, 0, 1}}};
};

TEST_F(RepeatStrategyTest, AsksOnceForAllRepeats) {
  RepeatStrategy strategy(cell_, 3);
  EXPECT_EQ(strategy.planned_trials(), 3);
  const std::vector<Proposal> batch = strategy.ask();
  ASSERT_EQ(batch.size(), 3U);
  for (const Proposal& p : batch) {
    EXPECT_EQ(p.genotype, cell_);
    EXPECT_EQ(p.level, 2);
  }
  EXPECT_TRUE(strategy.ask().empty());
  strategy.tell(measured(batch));
  EXPECT_TRUE(strategy.ask().empty());
}

TEST_F(RepeatStrategyTest, ANetworkThatNoSpaceNamesIsOfTheFirstLevel) {
  RepeatStrategy strategy({}, 1);
  EXPECT_EQ(strategy.ask().at(0).level, 1);
}

TEST_F(RepeatStrategyTest, GoesOnFromItsState) {
  RepeatStrategy first(cell_, 2);
  const std::vector<Proposal> batch = first.ask();
  RepeatStrategy second(cell_, 2);
  second.restore(first.state());
  second.tell(measured(batch));
  EXPECT_TRUE(second.ask().empty());
  RepeatStrategy more(cell_, 3);
  EXPECT_THROW(more.restore(first.state()), Error) << "another number of repeats is another run";
  for (const char* damaged :
       {"", "{", "[]", "{\"config\": 1}", "{\"config\": {\"strategy\": \"random\", \"children\": 3}}"}) {
    EXPECT_THROW(more.restore(damaged), Error) << damaged;
  }
}

TEST_F(RepeatStrategyTest, RefusesNoRepeats) { EXPECT_THROW(RepeatStrategy(cell_, 0), Error); }

}  // namespace
}  // namespace bnas::nas
