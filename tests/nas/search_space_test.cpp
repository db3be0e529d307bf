// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/search_space.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

using testing::HasSubstr;

std::vector<std::string> operators(int n) {
  std::vector<std::string> names;
  for (int i = 0; i < n; ++i) {
    names.push_back("op" + std::to_string(i));
  }
  return names;
}

SpaceConfig limited(int n_operators, int blocks, int look_back, int look_forward, Combine combine = Combine::add) {
  return {SpaceKind::pnas, operators(n_operators), blocks, look_back, look_forward, combine};
}

/// Oracle: the smallest of all legal cells that some permutation of blocks and some swaps of halves give.
Genotype smallest_equivalent(const SpaceConfig& config, const Genotype& g) {
  const auto n = g.blocks.size();
  std::vector<int> to(n);
  std::iota(to.begin(), to.end(), 0);
  Genotype best;
  do {
    Genotype moved;
    moved.blocks.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto move = [&](std::int8_t in) {
        return in < 0 ? in : static_cast<std::int8_t>(to[static_cast<std::size_t>(in)]);
      };
      const Block& b = g.blocks[i];
      moved.blocks[static_cast<std::size_t>(to[i])] = {move(b.in0), b.op0, move(b.in1), b.op1};
    }
    bool legal = true;
    for (std::size_t i = 0; i < n; ++i) {
      for (const int in : {moved.blocks[i].in0, moved.blocks[i].in1}) {
        const int position = static_cast<int>(i);
        legal &= in < position && (in < 0 || config.look_forward < 0 || position - in <= config.look_forward);
      }
    }
    for (unsigned swaps = 0; legal && swaps < 1U << n; ++swaps) {
      Genotype candidate = moved;
      for (std::size_t i = 0; i < n; ++i) {
        Block& b = candidate.blocks[i];
        if ((swaps >> i & 1U) != 0U) {
          b = {b.in1, b.op1, b.in0, b.op0};
        }
      }
      if (best.blocks.empty() || candidate < best) {
        best = candidate;
      }
    }
  } while (std::next_permutation(to.begin(), to.end()));
  return best;
}

std::string message_of(const std::function<void()>& f, ErrorKind kind) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  ADD_FAILURE() << "no Error";
  return "";
}

TEST(CanonicalTest, IsTheSmallestEquivalentCell) {
  // Few operators make many ties; five blocks have all the shapes of ties there are up to the usual size.
  const std::vector<SpaceConfig> configs{
      limited(1, 5, 2, -1), limited(2, 5, 1, -1), limited(3, 4, 2, -1), limited(1, 5, 1, 1),
      limited(2, 5, 2, 2),  limited(1, 5, 1, 3),  limited(2, 4, 2, 0),  limited(2, 4, 2, -1, Combine::concat)};
  for (const SpaceConfig& config : configs) {
    const SearchSpace space(config);
    std::uint64_t index = 0;
    for (int i = 0; i < 150; ++i) {
      Genotype g = space.sample(config.blocks, {7, 0, RandomPurpose::sample}, index);
      ASSERT_EQ(g, smallest_equivalent(config, g)) << space.text(g);
    }
  }
}

TEST(CanonicalTest, ManyEqualBlocksReadOrNot) {
  const SearchSpace space(limited(2, kMaxBlocks, 2, -1));
  Genotype equal;
  Genotype fan;  // six equal blocks, two readers of different pairs
  for (int i = 0; i < kMaxBlocks; ++i) {
    equal.blocks.push_back({-1, 1, -2, 0});
    fan.blocks.push_back({-2, 0, -1, 1});
  }
  fan.blocks[6] = {5, 0, 4, 1};
  fan.blocks[7] = {2, 0, 5, 1};
  EXPECT_EQ(space.text(space.canonical(equal)).substr(0, 26), "[-2, 'op0', -1, 'op1', -2,");
  const Genotype canonical = space.canonical(fan);
  EXPECT_EQ(canonical.blocks[6], (Block{0, 0, 1, 1}));
  EXPECT_EQ(canonical.blocks[7], (Block{0, 1, 2, 0}));
}

TEST(CanonicalTest, EqualBlocksStayTwo) {
  const SearchSpace space(limited(2, 3, 2, -1));
  const Genotype one_copy_twice{{{-2, 0, -1, 1}, {-2, 0, -1, 1}, {0, 0, 0, 0}}};
  const Genotype both_copies{{{-2, 0, -1, 1}, {-2, 0, -1, 1}, {0, 0, 1, 0}}};
  EXPECT_NE(space.canonical(one_copy_twice), space.canonical(both_copies));
  EXPECT_NE(space.hash(one_copy_twice), space.hash(both_copies));
}

TEST(CanonicalTest, FlatCellsAreMultisets) {
  const SearchSpace space(SpaceConfig::flat(operators(4), 3));
  EXPECT_EQ(space.canonical({{{-1, 3, -1, 0}, {-1, 2, -1, 0}}}), (Genotype{{{-1, 0, -1, 0}, {-1, 2, -1, 3}}}));
  EXPECT_EQ(space.hash({{{-1, 3, -1, 0}, {-1, 2, -1, 0}}}), space.hash({{{-1, 0, -1, 2}, {-1, 0, -1, 3}}}));
}

TEST(CanonicalTest, FlatWithLookForwardIsAGeneralSpace) {
  SpaceConfig config = SpaceConfig::flat(operators(2), 2);
  config.look_forward = -1;
  const SearchSpace space(config);
  const Genotype a{{{-1, 0, -1, 1}, {0, 0, -1, 1}}};
  const Genotype b{{{-1, 0, -1, 1}, {0, 1, -1, 0}}};
  EXPECT_NE(space.canonical(a), space.canonical(b));
  EXPECT_EQ(space.text(a), "[-1, 'op0', -1, 'op1', 0, 'op0', -1, 'op1']");
}

TEST(CanonicalTest, RefusesCellsOutsideTheSpace) {
  const SearchSpace space(limited(2, 3, 1, 1));
  const auto refused = [&](const Genotype& g) {
    return message_of([&] { static_cast<void>(space.canonical(g)); }, ErrorKind::usage);
  };
  EXPECT_THAT(refused({}), HasSubstr("number of blocks"));
  EXPECT_THAT(refused({{{-1, 0, -1, 0}, {-1, 0, -1, 0}, {-1, 0, -1, 0}, {-1, 0, -1, 0}}}),
              HasSubstr("between 1 and 3"));
  EXPECT_THAT(refused({{{-2, 0, -1, 0}}}), HasSubstr("reads input -2"));
  EXPECT_THAT(refused({{{0, 0, -1, 0}}}), HasSubstr("reads input 0"));  // itself: an off-by-one of the seeds
  EXPECT_THAT(refused({{{-1, 2, -1, 0}}}), HasSubstr("operation number 2"));
  EXPECT_THAT(refused({{{-1, 0, -1, 0}, {0, 0, -1, 0}, {0, 0, 1, 0}}}), HasSubstr("look_forward"));
}

TEST(HashTest, StaysWhatItWas) {
  const SearchSpace pnas(SpaceConfig::pnas(operators(8), 5));
  // FNV-1a of fe 00 ff 05 | 00 01 00 07, computed apart from this code.
  EXPECT_EQ(pnas.hash({{{-2, 0, -1, 5}, {0, 1, 0, 7}}}), 0x7BD64A4C2353C19DULL);
  EXPECT_EQ(pnas.hash({{{-1, 5, -2, 0}, {0, 7, 0, 1}}}), 0x7BD64A4C2353C19DULL);
  const SearchSpace flat(SpaceConfig::flat(operators(4), 1));
  EXPECT_EQ(flat.hash({{{-1, 0, -1, 0}}}), 0x668D3A648F65655DULL);  // ff 00 ff 00
}

TEST(GrowTest, ChildrenAreCanonicalDistinctAndOrdered) {
  for (const SpaceConfig& config : {limited(2, 4, 2, -1), limited(2, 4, 1, 1), SpaceConfig::flat(operators(3), 4)}) {
    const SearchSpace space(config);
    std::vector<Genotype> cells = space.first();
    EXPECT_TRUE(std::is_sorted(cells.begin(), cells.end()));
    for (int b = 2; b <= config.blocks; ++b) {
      const std::vector<Genotype> children = space.grow(cells[cells.size() / 2]);
      EXPECT_TRUE(std::is_sorted(children.begin(), children.end()));
      EXPECT_EQ(std::adjacent_find(children.begin(), children.end()), children.end());
      for (const Genotype& child : children) {
        EXPECT_EQ(child, space.canonical(child));
      }
      cells = children;
    }
    EXPECT_THROW(space.grow(cells.front()), Error);
  }
}

TEST(GrowTest, OneParentHasAllBlocksAsChildren) {
  const SearchSpace space(SpaceConfig::pnas(operators(8), 2));
  EXPECT_EQ(space.first().size(), 136U);
  // A child has two parents only when its blocks do not read each other; none here is its own duplicate.
  EXPECT_EQ(space.grow(space.first()[5]).size(), 300U);
}

TEST(SampleTest, DependsOnKeyAndIndexOnlyAndCoversTheSpace) {
  const SearchSpace space(limited(2, 2, 1, -1));
  const RandomKey key{3, 1, RandomPurpose::sample};
  std::uint64_t index = 0;
  std::set<Genotype> seen;
  for (int i = 0; i < 2000; ++i) {
    seen.insert(space.sample(2, key, index));
  }
  EXPECT_EQ(std::to_string(seen.size()), space.count_unique(2));
  std::uint64_t again = 8;
  std::uint64_t start = 0;
  static_cast<void>(space.sample(2, key, start));
  EXPECT_EQ(start, again);
  EXPECT_EQ(space.sample(2, key, start), space.sample(2, key, again));
  EXPECT_EQ(space.sample(1, key, start).blocks.size(), 1U);
}

TEST(TextTest, RoundTripsThroughParse) {
  for (const SpaceConfig& config : {limited(3, 4, 2, -1), limited(3, 4, 2, 2), SpaceConfig::flat(operators(3), 4)}) {
    const SearchSpace space(config);
    std::uint64_t index = 0;
    for (int i = 0; i < 50; ++i) {
      const Genotype g = space.sample(1 + i % 4, {1, 2, RandomPurpose::sample}, index);
      EXPECT_EQ(space.parse(space.text(g)), g);
    }
  }
}

TEST(TextTest, SeedNotation) {
  const SearchSpace flat(SpaceConfig::flat({"3x3 bconv", "linear"}, 2));
  EXPECT_EQ(flat.text({{{-1, 0, -1, 1}}}), "[0, '3x3 bconv', 0, 'linear']");
  const SearchSpace pnas(SpaceConfig::pnas({"3x3 bconv", "linear"}, 2));
  const Genotype g{{{-2, 0, -1, 1}, {0, 0, -1, 1}}};
  EXPECT_EQ(pnas.text(g), "[-2, '3x3 bconv', -1, 'linear', 0, '3x3 bconv', -1, 'linear']");
  EXPECT_EQ(pnas.parse(" [ -2,\"3x3 bconv\" ,-1,'linear',\n0 , '3x3 bconv',-1,\t\"linear\" ] "), g);
}

TEST(TextTest, ErrorsNameTheColumn) {
  const SearchSpace space(SpaceConfig::pnas({"3x3 bconv", "linear"}, 2));
  const auto refused = [&](std::string_view text) {
    return message_of([&] { static_cast<void>(space.parse(text)); }, ErrorKind::usage);
  };
  EXPECT_THAT(refused(""), HasSubstr("column 1 "));
  EXPECT_THAT(refused("[]"), HasSubstr("column 2 "));
  EXPECT_THAT(refused("[-1, '3x3 bcnv', -1, 'linear']"),
              testing::AllOf(HasSubstr("column 6 "), HasSubstr("did you mean '3x3 bconv'?")));
  EXPECT_THAT(refused("[-1, 'something else', -1, 'linear']"), HasSubstr("known are '3x3 bconv', 'linear'"));
  EXPECT_THAT(refused("[-3, 'linear', -1, 'linear']"), HasSubstr("column 2 "));
  EXPECT_THAT(refused("[-1, 'linear', 0, 'linear']"), HasSubstr("column 16 "));  // block 0 reads itself
  EXPECT_THAT(refused("[-1, 'linear', 99999999999, 'linear']"), HasSubstr("whole number"));
  EXPECT_THAT(refused("[-1, 'linear"), HasSubstr("not closed"));
  EXPECT_THAT(refused("[-1, linear, -1, 'linear']"), HasSubstr("in quotes"));
  EXPECT_THAT(refused("[-1, 'linear', -1]"), HasSubstr("expected ','"));
  EXPECT_THAT(refused("[-1, 'linear', -1, 'linear'"), HasSubstr("expected ']'"));
  EXPECT_THAT(refused("[-1, 'linear', -1, 'linear'] x"), HasSubstr("column 30 "));
  const std::string block = "-1, 'linear', -1, 'linear'";
  EXPECT_THAT(refused("[" + block + "," + block + "," + block + "]"), HasSubstr("more than the 2 blocks"));
  EXPECT_THAT(refused(std::string(1000, '\0')), HasSubstr("?"));
  const SearchSpace flat(SpaceConfig::flat({"linear"}, 1));
  EXPECT_THAT(message_of([&] { static_cast<void>(flat.parse("[1, 'linear', 0, 'linear']")); }, ErrorKind::usage),
              HasSubstr("column 2 "));
  EXPECT_EQ(flat.parse("[-1, 'linear', 0, 'linear']"), (Genotype{{{-1, 0, -1, 0}}}));
}

TEST(TokensTest, InputsFromTheFarthestOnThenOperations) {
  const SearchSpace pnas(SpaceConfig::pnas(operators(8), 5));
  EXPECT_EQ(pnas.input_tokens(), 6);  // -2, -1, blocks 0 to 3
  EXPECT_EQ(pnas.tokens({{{-2, 7, -1, 0}, {0, 3, -2, 4}}}), (std::vector<std::int32_t>{0, 1, 7, 0, 2, 0, 3, 4}));
  const SearchSpace flat(SpaceConfig::flat(operators(4), 3));
  EXPECT_EQ(flat.input_tokens(), 1);
  EXPECT_EQ(flat.tokens({{{-1, 1, -1, 3}}}), (std::vector<std::int32_t>{0, 0, 1, 3}));
}

TEST(SpaceConfigTest, RefusesWhatMakesNoSpace) {
  const auto refused = [](const SpaceConfig& config) {
    return message_of([&] { SearchSpace{config}; }, ErrorKind::usage);
  };
  EXPECT_THAT(refused(limited(0, 3, 2, -1)), HasSubstr("number of operators"));
  EXPECT_THAT(refused(limited(kMaxOperators + 1, 3, 2, -1)), HasSubstr("number of operators"));
  EXPECT_THAT(refused(limited(2, 0, 2, -1)), HasSubstr("blocks is 0"));
  EXPECT_THAT(refused(limited(2, kMaxBlocks + 1, 2, -1)), HasSubstr("blocks is 9"));
  EXPECT_THAT(refused(limited(2, 3, 0, -1)), HasSubstr("look_back is 0"));
  EXPECT_THAT(refused(limited(2, 3, kMaxLookBack + 1, -1)), HasSubstr("look_back is 3"));
  EXPECT_THAT(refused(limited(2, 3, 2, -2)), HasSubstr("look_forward is -2"));
  EXPECT_THAT(refused(SpaceConfig::pnas({"a", "b", "a"}, 3)), HasSubstr("'a' is listed twice"));
  EXPECT_THAT(refused(SpaceConfig::pnas({"a", ""}, 3)), HasSubstr("empty name"));
}

}  // namespace
}  // namespace bnas::nas
