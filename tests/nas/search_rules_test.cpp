// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "bnas/nas/search_loop.hpp"

namespace bnas::nas {
namespace {

/// One trial per letter: d done, x diverged, f failed, r running, q queued.
std::vector<Trial> history(const std::string& letters) {
  std::vector<Trial> trials;
  for (const char c : letters) {
    Trial t;
    t.id = static_cast<std::int64_t>(trials.size()) + 1;
    t.status = c == 'd'   ? TrialStatus::done
               : c == 'x' ? TrialStatus::diverged
               : c == 'f' ? TrialStatus::failed
               : c == 'r' ? TrialStatus::running
                          : TrialStatus::queued;
    trials.push_back(t);
  }
  return trials;
}

TEST(TooManyFailures, FiveInARow) {
  EXPECT_FALSE(too_many_failures({}));
  EXPECT_FALSE(too_many_failures(history("ffxf")));
  EXPECT_TRUE(too_many_failures(history("ffxfx")));
  EXPECT_FALSE(too_many_failures(history("ffffdffff")));
  EXPECT_TRUE(too_many_failures(history("dddfffffddd"))) << "what came later does not matter";
}

TEST(TooManyFailures, MoreThanThirtyPercentOfTwenty) {
  EXPECT_FALSE(too_many_failures(history("fffdfffddddddddddddd"))) << "6 of 20 are exactly 30 %";
  EXPECT_TRUE(too_many_failures(history("fffdffffdddddddddddd"))) << "7 of 20";
  EXPECT_FALSE(too_many_failures(history("fffdffffddddddddddd"))) << "7 of the first 19 are no window yet";
  EXPECT_FALSE(too_many_failures(history("fffdfffdddddddddddddffd"))) << "the window moves on";
  EXPECT_TRUE(too_many_failures(history("dddfffdfffdddddddddddfd"))) << "7 of the last 20, not the first 20";
}

TEST(TooManyFailures, LooksOnlyBeforeTheFirstUnfinished) {
  EXPECT_FALSE(too_many_failures(history("ffffrf")));
  EXPECT_FALSE(too_many_failures(history("qfffff")));
  EXPECT_TRUE(too_many_failures(history("fffffq")));
}

TEST(BestTrial, HighestRewardThenLowestId) {
  EXPECT_EQ(best_trial({}).id, 0);
  EXPECT_EQ(best_trial(history("fxq")).id, 0);
  std::vector<Trial> trials = history("dddxd");
  trials[0].reward = 0.5;
  trials[1].reward = 0.75;
  trials[2].reward = 0.75;
  trials[3].reward = 0.99;
  trials[4].reward = 0.25;
  EXPECT_EQ(best_trial(trials).id, 2);
}

}  // namespace
}  // namespace bnas::nas
