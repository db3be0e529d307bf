// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/recorded_trace.hpp"
#include "support/toy_search.hpp"

namespace bnas::nas {
namespace {

using testing::Contains;

TEST(TraceOfASearch, ShowsTheSearchEveryChildAndItsThread) {
  const test::Scratch scratch;
  test::ToySearch search(scratch.path());
  const test::RecordedTrace trace;
  search.run();
  const std::vector<std::string> lines = trace.lines();
  EXPECT_THAT(lines, Contains("search -1"));
  EXPECT_THAT(lines, Contains("thread worker 1"));
  for (int trial = 1; trial <= 14; ++trial) {  // 10 cells of one block, then 4
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "child " + std::to_string(trial)), 1) << trial;
  }
  EXPECT_EQ(trace.open(), 0);
}

}  // namespace
}  // namespace bnas::nas
