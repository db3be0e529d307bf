// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/shuffle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace bnas {
namespace {

std::vector<std::uint32_t> order(const RandomKey& key, std::uint32_t n) {
  std::vector<std::uint64_t> ranks;
  for (std::uint32_t i = 0; i < n; ++i) {
    ranks.push_back(shuffle_rank(key, i));
  }
  std::sort(ranks.begin(), ranks.end());
  std::vector<std::uint32_t> items;
  for (const std::uint64_t rank : ranks) {
    items.push_back(static_cast<std::uint32_t>(rank));
  }
  return items;
}

// 24 orders of 4 items in 4800 shuffles: 200 each, with a deviation of 13.8; five deviations are allowed.
TEST(Shuffle, EveryOrderIsEquallyLikely) {
  std::map<std::vector<std::uint32_t>, int> counts;
  for (std::uint64_t epoch = 0; epoch < 4800; ++epoch) {
    ++counts[order(RandomKey{3, 4, RandomPurpose::shuffle}.derive(epoch), 4)];
  }
  EXPECT_EQ(counts.size(), 24U);
  for (const auto& [items, count] : counts) {
    EXPECT_NEAR(count, 200, 69);
  }
}

TEST(Shuffle, IsAPermutation) {
  std::vector<std::uint32_t> items = order({1, 2, RandomPurpose::shuffle}, 1000);
  EXPECT_FALSE(std::is_sorted(items.begin(), items.end()));
  std::sort(items.begin(), items.end());
  for (std::uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(items[i], i);
  }
}

}  // namespace
}  // namespace bnas
