// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bnas::cli {
namespace {

ProgressSnapshot busy() {
  ProgressSnapshot s;
  s.title = "bnas_search 0.1.0  progressive  fashion-mnist 10000/5000  seed 7  cpu x2  runs/a";
  s.level = 3;
  s.levels = 5;
  s.finished = 71;
  s.planned = 128;
  s.diverged = 1;
  s.running = {{72, 12, 20, 0.612, 0.869}, {73, 0, 20, 0.0, 0.0}, {74, 9, 20, 0.655, 0.852}};
  s.best = nas::Trial{};
  s.best->id = 57;
  s.best->reward = 0.8842;
  s.best->cost = {5'000'000, 3'000, 41'300'000, 2'100'000};
  s.rank_correlation = 0.714;
  s.elapsed = 4360;
  s.eta = Eta{3060, 2760, 3480};
  s.disk_bytes = 1.2 * 1024 * 1024 * 1024;
  return s;
}

TEST(Progress, wide_terminal) {
  const Terminal terminal{.tty = true, .color = false, .utf8 = true};
  EXPECT_THAT(progress_lines(busy(), terminal, 100),
              testing::ElementsAre(
                  "bnas_search 0.1.0  progressive  fashion-mnist 10000/5000  seed 7  cpu x2  runs/a",
                  "Level 3/5  ██████████████░░░░░░░░░░░░  71/128 children  elapsed 1:12:40   ETA 51:00 (46:00-58:00)",
                  " best 88.42 %  #57  622 KiB  41.3 M 1-bit + 2.10 M real MACs", " surrogate rank corr. 0.71",
                  "  #72   ep 12/20 █████░░░ loss 0.612 val 86.90 %   #73   ep 0/20 ░░░░░░░░ first epoch           ",
                  "  #74   ep 9/20 ████░░░░ loss 0.655 val 85.20 %", " done 70  diverged 1  failed 0  disk 1.20 GiB"));
}

TEST(Progress, every_line_fits_every_width) {
  for (const bool rich : {false, true}) {
    const Terminal terminal{.tty = true, .color = rich, .utf8 = rich};
    for (const int width : {10, 39, 40, 41, 77, 78, 79, 80, 120, 200}) {
      for (const ProgressSnapshot& snapshot : {busy(), ProgressSnapshot{}}) {
        for (const std::string& line : progress_lines(snapshot, terminal, width)) {
          EXPECT_LT(display_width(line), width) << line;
        }
      }
    }
  }
}

TEST(Progress, forty_columns_lose_nothing_that_matters) {
  EXPECT_THAT(
      progress_lines(busy(), Terminal{}, 40),
      testing::ElementsAre("bnas_search 0.1.0  progressive  fashion", "Level 3/5  ######.....  71/128 children",
                           " elapsed 1:12:40", " ETA 51:00 (46:00-58:00)", " best 88.42 %  #57",
                           "  622 KiB  41.3 M 1-bit + 2.10 M real M", " surrogate rank corr. 0.71",
                           "  #72   ep 12/20 loss 0.612 val 86.90 %", "  #73   ep 0/20 first epoch           ",
                           "  #74   ep 9/20 loss 0.655 val 85.20 %", " done 70  diverged 1  failed 0  disk 1."));
}

TEST(Progress, plain_bars_are_ascii) {
  for (const std::string& line : progress_lines(busy(), Terminal{}, 100)) {
    for (const char c : line) {
      EXPECT_GE(c, ' ') << line;
    }
  }
}

TEST(Progress, status_line_has_the_same_facts) {
  EXPECT_EQ(progress_status(busy()),
            "progress level=3 done=71 total=128 diverged=1 best=0.8842 best_child=57 running=3 elapsed_s=4360 "
            "eta_s=3060");
  EXPECT_EQ(progress_status(ProgressSnapshot{}), "progress level=0 done=0 total=0 elapsed_s=0");
}

TEST(Eta, is_unknown_before_the_first_child) {
  EXPECT_FALSE(EtaModel{}.remaining({}).has_value());
  EXPECT_FALSE(EtaModel{}.child_seconds(1e6).has_value());
}

TEST(Eta, finds_offset_and_slope_of_exact_data) {
  EtaModel model;
  for (const double macs : {1e6, 2e6, 5e6, 9e6}) {
    model.add(macs, 3.0 + 2e-6 * macs);
  }
  EXPECT_NEAR(*model.child_seconds(4e6), 11.0, 1e-9);
  RemainingWork work;
  work.known_macs = {1e6, 4e6};  // 5 + 11 seconds
  work.unknown_children = 2;
  work.unknown_macs = 2e6;  // 7 each
  work.workers = 2;
  const Eta eta = *model.remaining(work);
  EXPECT_NEAR(eta.seconds, 15.0, 1e-9);
  EXPECT_NEAR(eta.low, 15.0, 1e-6);
  EXPECT_NEAR(eta.high, 15.0, 1e-6);
}

TEST(Eta, never_negative_and_the_interval_holds_the_middle) {
  EtaModel model;
  for (const auto& [macs, seconds] : {std::pair{1e6, 9.0}, {5e6, 1.0}, {9e6, 4.0}, {2e6, 0.1}}) {
    model.add(macs, seconds);
    RemainingWork work;
    work.known_macs = {0.0, 1e3, 5e7};
    const Eta eta = *model.remaining(work);
    EXPECT_GE(eta.low, 0.0);
    EXPECT_LE(eta.low, eta.seconds);
    EXPECT_GE(eta.high, eta.seconds);
    EXPECT_GE(*model.child_seconds(0.0), 0.0);
  }
}

}  // namespace
}  // namespace bnas::cli
