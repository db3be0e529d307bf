// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "bnas/core/error.hpp"
#include "bnas/nas/search_space.hpp"

namespace bnas::nas {
namespace {

std::vector<std::string> operators(int n) {
  std::vector<std::string> names;
  for (int i = 0; i < n; ++i) {
    names.push_back("op" + std::to_string(i));
  }
  return names;
}

/// Oracle: canonical forms of all ordered cells, one by one.
std::size_t enumerate(const SearchSpace& space, int blocks) {
  std::set<Genotype> distinct;
  Genotype g;
  const auto fill = [&](const auto& self, int b) -> void {
    if (b == blocks) {
      distinct.insert(space.canonical(g));
      return;
    }
    const auto n = static_cast<std::uint8_t>(space.config().operators.size());
    for (const std::int8_t in0 : space.inputs(b)) {
      for (const std::int8_t in1 : space.inputs(b)) {
        for (std::uint8_t op0 = 0; op0 < n; ++op0) {
          for (std::uint8_t op1 = 0; op1 < n; ++op1) {
            g.blocks.push_back({in0, op0, in1, op1});
            self(self, b + 1);
            g.blocks.pop_back();
          }
        }
      }
    }
  };
  fill(fill, 0);
  return distinct.size();
}

/// All cells of `blocks` blocks that growth reaches.
std::set<Genotype> reachable(const SearchSpace& space, int blocks) {
  const std::vector<Genotype> first = space.first();
  std::set<Genotype> cells(first.begin(), first.end());
  for (int b = 1; b < blocks; ++b) {
    std::set<Genotype> grown;
    for (const Genotype& g : cells) {
      const std::vector<Genotype> children = space.grow(g);
      grown.insert(children.begin(), children.end());
    }
    cells = std::move(grown);
  }
  return cells;
}

// The counts of Progressive NAS's space with eight operators; the paper gives 136 and about 10^12.
TEST(CellCountTest, PaperSpace) {
  const SearchSpace space(SpaceConfig::pnas(operators(8), 5));
  EXPECT_EQ(space.count_unique(1), "136");
  EXPECT_EQ(space.count_unique(2), "31620");
  EXPECT_EQ(space.count_unique(3), "10979688");
  EXPECT_EQ(space.count_unique(4), "5194395866");
  EXPECT_EQ(space.count_unique(5), "3147356952080");
  EXPECT_EQ(space.count_raw(1), "256");
  EXPECT_EQ(space.count_raw(2), "147456");
  EXPECT_EQ(space.count_raw(3), "150994944");
  EXPECT_EQ(space.count_raw(4), "241591910400");
  EXPECT_EQ(space.count_raw(5), "556627761561600");
}

TEST(CellCountTest, PaperSpaceByEnumerationAndByGrowth) {
  const SearchSpace space(SpaceConfig::pnas(operators(8), 2));
  EXPECT_EQ(enumerate(space, 1), 136U);
  EXPECT_EQ(enumerate(space, 2), 31620U);
  EXPECT_EQ(reachable(space, 2).size(), 31620U);
}

TEST(CellCountTest, Wirings) {
  const SearchSpace space(SpaceConfig::pnas(operators(1), 5));
  const std::vector<std::size_t> expected{3, 15, 97, 807, 8328};
  for (int b = 1; b <= 5; ++b) {
    EXPECT_EQ(space.count_unique(b), std::to_string(expected[static_cast<std::size_t>(b - 1)]));
    EXPECT_EQ(reachable(space, b).size(), expected[static_cast<std::size_t>(b - 1)]);
  }
}

TEST(CellCountTest, FlatMultisets) {
  const SearchSpace four(SpaceConfig::flat(operators(4), 3));
  const SearchSpace six(SpaceConfig::flat(operators(6), 5));
  const std::vector<std::string> of_four{"10", "35", "84"};
  const std::vector<std::string> of_six{"21", "126", "462", "1287", "3003"};
  for (int b = 1; b <= 3; ++b) {
    EXPECT_EQ(four.count_unique(b), of_four[static_cast<std::size_t>(b - 1)]);
    EXPECT_EQ(std::to_string(enumerate(four, b)), of_four[static_cast<std::size_t>(b - 1)]);
    EXPECT_EQ(std::to_string(reachable(four, b).size()), of_four[static_cast<std::size_t>(b - 1)]);
  }
  for (int b = 1; b <= 5; ++b) {
    EXPECT_EQ(six.count_unique(b), of_six[static_cast<std::size_t>(b - 1)]);
    EXPECT_EQ(std::to_string(reachable(six, b).size()), of_six[static_cast<std::size_t>(b - 1)]);
  }
  EXPECT_EQ(four.count_raw(3), "4096");
}

// Three formulas (multisets, cycle types, wirings) on all kinds of limits, against enumeration and growth.
TEST(CellCountTest, OtherSpacesByEnumerationAndByGrowth) {
  struct Case {
    int operators, blocks, look_back, look_forward;
    Combine combine;
  };
  const std::vector<Case> cases{
      {2, 3, 1, -1, Combine::add},   {3, 2, 2, -1, Combine::concat}, {2, 3, 2, 0, Combine::add},
      {2, 3, 2, 0, Combine::concat}, {2, 3, 1, 1, Combine::add},     {1, 4, 2, 1, Combine::add},
      {1, 5, 1, 1, Combine::add},    {1, 5, 1, 2, Combine::add},     {1, 5, 1, 3, Combine::concat},
      {2, 3, 2, 1, Combine::concat}, {1, 5, 1, 4, Combine::add},     {3, 3, 1, 1, Combine::add},
      {2, 4, 1, 1, Combine::add},
  };
  for (const Case& c : cases) {
    const SearchSpace space(
        {SpaceKind::flat, operators(c.operators), c.blocks, c.look_back, c.look_forward, c.combine});
    const std::string name = std::to_string(c.operators) + " operators, " + std::to_string(c.blocks) +
                             " blocks, back " + std::to_string(c.look_back) + ", forward " +
                             std::to_string(c.look_forward);
    EXPECT_EQ(space.count_unique(c.blocks), std::to_string(enumerate(space, c.blocks))) << name;
    EXPECT_EQ(space.count_unique(c.blocks), std::to_string(reachable(space, c.blocks).size())) << name;
  }
}

TEST(CellCountTest, LargestSpace) {
  const SearchSpace space(SpaceConfig::pnas(operators(kMaxOperators), kMaxBlocks));
  // 2 to 9 inputs and 64 operators: (64^8 9!)^2, beyond 128 bits.
  EXPECT_EQ(space.count_raw(8), "10432914529709394996679004589903996518400");
  // The same sum in Python's unbounded integers.
  EXPECT_EQ(space.count_unique(8), "510770869254433670683204896118232712");
  EXPECT_THROW(static_cast<void>(space.count_unique(9)), Error);
  EXPECT_THROW(static_cast<void>(space.count_raw(0)), Error);
}

}  // namespace
}  // namespace bnas::nas
