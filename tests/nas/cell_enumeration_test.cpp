// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/cell_enumeration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

std::vector<Genotype> all_cells(const SearchSpace& space, int blocks) {
  std::vector<Genotype> cells;
  for_each_cell(space, blocks, [&](const Genotype& cell) {
    cells.push_back(cell);
    return true;
  });
  return cells;
}

SpaceConfig limited(SpaceConfig config, int look_forward) {
  config.look_forward = look_forward;
  return config;
}

TEST(CellEnumeration, MeetsEveryClassOnceInOrder) {
  const std::vector<std::string> two{"a", "b"};
  for (const SpaceConfig& config :
       {SpaceConfig::flat({"a", "b", "c"}, 4), SpaceConfig::pnas(two, 3), limited(SpaceConfig::pnas({"a"}, 4), 1),
        limited(SpaceConfig::pnas(two, 3), 2), SpaceConfig::pnas({"a"}, 4)}) {
    const SearchSpace space(config);
    for (int blocks = 1; blocks <= config.blocks; ++blocks) {
      const std::vector<Genotype> cells = all_cells(space, blocks);
      EXPECT_EQ(std::to_string(cells.size()), space.count_unique(blocks)) << "look_forward " << config.look_forward;
      EXPECT_TRUE(std::is_sorted(cells.begin(), cells.end()));
      EXPECT_EQ(std::set<Genotype>(cells.begin(), cells.end()).size(), cells.size());
      for (const Genotype& cell : cells) {
        ASSERT_EQ(space.canonical(cell), cell);
      }
    }
  }
}

TEST(CellEnumeration, KnowsTheNumbersOfTheSeedsAndThePaper) {
  const std::vector<std::string> six{"a", "b", "c", "d", "e", "f"};
  EXPECT_EQ(all_cells(SearchSpace(SpaceConfig::flat(six, 5)), 5).size(), 3003U);
  const std::vector<std::string> eight{"a", "b", "c", "d", "e", "f", "g", "h"};
  EXPECT_EQ(all_cells(SearchSpace(SpaceConfig::pnas(eight, 2)), 2).size(), 31'620U);
}

TEST(CellEnumeration, StopsWhenTold) {
  const SearchSpace space(SpaceConfig::pnas({"a", "b"}, 3));
  int seen = 0;
  for_each_cell(space, 3, [&](const Genotype&) { return ++seen < 7; });
  EXPECT_EQ(seen, 7);
  EXPECT_THROW(for_each_cell(space, 4, [](const Genotype&) { return true; }), Error);
  EXPECT_THROW(for_each_cell(space, 0, [](const Genotype&) { return true; }), Error);
}

}  // namespace
}  // namespace bnas::nas
