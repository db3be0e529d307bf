// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/network_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> kAllOperators{"3x3 bconv",     "5x5 bconv",     "7x7 bconv",   "3x3 sep-bconv",
                                             "5x5 sep-bconv", "7x7 sep-bconv", "3x3 maxpool", "3x3 avgpool",
                                             "1x7-7x1 bconv", "linear"};

NetworkPlan flat_plan(const std::string& op, int blocks) {
  const SearchSpace space(SpaceConfig::flat({op}, blocks));
  const Genotype genotype{std::vector<Block>(static_cast<std::size_t>(blocks))};
  return build_network_plan(space, genotype, OperationRegistry::builtin(), NetworkConfig{});
}

/// Weights and multiply-accumulates without batch norm, as the seeds' papers count them; computed by hand from the
/// layer table.
struct Golden {
  const char* op;
  int blocks;
  std::int64_t weights;
  std::int64_t macs;
};

class GoldenSizes : public testing::TestWithParam<Golden> {};

TEST_P(GoldenSizes, WeightsAndMultiplies) {
  const NetworkCost cost = flat_plan(GetParam().op, GetParam().blocks).cost();
  EXPECT_EQ(cost.binary_weights, GetParam().weights);
  EXPECT_EQ(cost.binary_macs + cost.real_macs, GetParam().macs);
}

INSTANTIATE_TEST_SUITE_P(Flat, GoldenSizes,
                         testing::Values(Golden{"3x3 sep-bconv", 1, 39'186, 209'352},
                                         Golden{"3x3 bconv", 1, 74'848, 1'209'280},
                                         Golden{"1x7-7x1 bconv", 1, 91'552, 2'274'880},
                                         Golden{"linear", 1, 4'458, 5'712},
                                         Golden{"3x3 bconv", 3, 472'736, 10'345'664}));

TEST(NetworkBuilder, FlatCellsHalveTheImageAndConcatenate) {
  EXPECT_THAT(flat_plan("3x3 bconv", 1).cell_shapes, ElementsAre("14x14x32", "7x7x48", "4x4x64"));
  EXPECT_THAT(flat_plan("linear", 1).cell_shapes, ElementsAre("14x14x2", "7x7x4", "4x4x8"));
}

TEST(NetworkBuilder, OnlyThePixelsCountAsRealMultiplies) {
  const NetworkCost cost = flat_plan("3x3 bconv", 1).cost();
  EXPECT_EQ(cost.real_macs, 2 * 14 * 14 * 9 * 16);
}

TEST(NetworkBuilder, PnasReducesAtOneAndTwoThirds) {
  const SearchSpace space(SpaceConfig::pnas({"3x3 bconv"}, 1));
  NetworkConfig config;
  config.cells = 6;
  config.filters = {8};
  config.dense = {10};
  const NetworkPlan plan = build_network_plan(space, Genotype{{{-1, 0, -2, 0}}}, OperationRegistry::builtin(), config);
  EXPECT_THAT(plan.cell_shapes, ElementsAre("28x28x8", "28x28x8", "14x14x16", "14x14x16", "7x7x32", "7x7x32"));
}

/// Distinct canonical genotypes are distinct networks: nothing in a genotype is ignored.
void expect_distinct_networks(const SearchSpace& space, const NetworkConfig& config) {
  std::set<std::string> signatures;
  std::size_t count = 0;
  const auto add = [&](const Genotype& genotype) {
    signatures.insert(build_network_plan(space, genotype, OperationRegistry::builtin(), config).signature());
    ++count;
  };
  for (const Genotype& one : space.first()) {
    add(one);
  }
  std::set<Genotype> two_blocks;
  for (const Genotype& one : space.first()) {
    for (const Genotype& two : space.grow(one)) {
      two_blocks.insert(two);
    }
  }
  std::size_t step = two_blocks.size() / 500 + 1;  // a spread of some 500 keeps the test short
  std::size_t index = 0;
  for (const Genotype& two : two_blocks) {
    if (index++ % step == 0) {
      add(two);
    }
  }
  EXPECT_EQ(signatures.size(), count);
}

TEST(NetworkBuilder, DistinctPnasGenotypesAreDistinctNetworks) {
  NetworkConfig config;
  config.filters = {8};
  config.dense = {10};
  expect_distinct_networks(SearchSpace(SpaceConfig::pnas(kAllOperators, 2)), config);
}

TEST(NetworkBuilder, DistinctFlatGenotypesAreDistinctNetworks) {
  expect_distinct_networks(SearchSpace(SpaceConfig::flat(kAllOperators, 2)), NetworkConfig{});
}

TEST(NetworkBuilder, AUserRegistersAnOperation) {
  auto registry = OperationRegistry::builtin();
  registry.add("1x1 bconv", [](const OperationSite& site) {
    return std::vector{LayerSpec::of(LayerKind::sign), LayerSpec::conv(1, 1, site.filters, site.stride),
                       LayerSpec::of(LayerKind::batch_norm)};
  });
  NetworkConfig config;
  config.filters = {8};
  config.dense = {10};
  const SearchSpace space(SpaceConfig::pnas({"1x1 bconv", "linear"}, 1));
  const NetworkPlan plan = build_network_plan(space, Genotype{{{-1, 0, -1, 1}}}, registry, config);
  EXPECT_THAT(plan.signature(), HasSubstr("conv 1x1/2 -> 14x14x16"));
  EXPECT_THROW(registry.add("1x1 bconv", {}), Error);
  EXPECT_THROW(registry.add("a,b", {}), Error);
}

TEST(NetworkBuilder, AnOperationOfTheWrongWidthIsRefused) {
  auto registry = OperationRegistry::builtin();
  registry.add("wide", [](const OperationSite& site) {
    return std::vector{LayerSpec::conv(1, 1, site.filters + 1, site.stride)};
  });
  NetworkConfig config;
  config.filters = {8};
  config.dense = {10};
  const SearchSpace space(SpaceConfig::pnas({"wide"}, 1));
  EXPECT_THROW(build_network_plan(space, Genotype{{{-1, 0, -1, 0}}}, registry, config), Error);
}

TEST(OperationRegistry, UnknownNamesAreRefusedWithTheNearest) {
  const auto registry = OperationRegistry::builtin();
  EXPECT_EQ(registry.names().size(), 10U);
  try {
    registry.require({"3x3 bconv", "1x7-7x1 conv"});
    FAIL() << "an unknown operation passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("did you mean '1x7-7x1 bconv'?"));
  }
}

TEST(NetworkConfig, NamesTheKeyThatDoesNotFit) {
  NetworkConfig config;
  EXPECT_NO_THROW(config.validate(SpaceKind::flat));
  config.filters = {16};
  EXPECT_NO_THROW(config.validate(SpaceKind::pnas));
  EXPECT_THROW(config.validate(SpaceKind::flat), Error);
  config = {};
  config.dense = {32, 9};
  EXPECT_THROW(config.validate(SpaceKind::flat), Error);
  config = {};
  config.cells = 0;
  EXPECT_THROW(config.validate(SpaceKind::flat), Error);
}

}  // namespace
}  // namespace bnas::nas
