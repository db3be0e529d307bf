// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/network_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

std::vector<std::string> kinds(const NetworkPlan& plan, std::size_t from) {
  std::vector<std::string> names;
  for (std::size_t i = from; i < plan.nodes.size(); ++i) {
    names.emplace_back(layer_kind_name(plan.nodes[i].layer.kind));
  }
  return names;
}

std::size_t head_of(const NetworkPlan& plan) {
  std::size_t at = 0;
  while (plan.nodes[at].name != "head") {
    ++at;
  }
  return at;
}

TEST(NetworkBuilder, DropoutStandsBeforeDenseLayersAndTakesSigns) {
  NetworkConfig config;
  config.filters = {8};
  config.dense = {20, 16, 10};
  config.dropout_input = 0.25F;
  config.dropout_hidden = 0.5F;
  const SearchSpace pnas(SpaceConfig::pnas({"3x3 bconv"}, 1));
  const NetworkPlan plan = build_network_plan(pnas, Genotype{{{-1, 0, -1, 0}}}, OperationRegistry::builtin(), config);
  EXPECT_THAT(kinds(plan, head_of(plan)),
              ElementsAre("global_avg_pool", "sign", "dropout", "dense", "batch_norm", "sign", "dropout", "dense",
                          "batch_norm", "sign", "dropout", "real_dense", "batch_norm"));
  EXPECT_THAT(plan.signature(), HasSubstr("rate 0.25\n"));
  EXPECT_THAT(plan.signature(), HasSubstr("rate 0.5\n"));
  for (std::size_t i = 1; i < plan.nodes.size(); ++i) {
    if (plan.nodes[i].layer.kind == LayerKind::dense) {
      EXPECT_TRUE(plan.reads_real(i)) << "zeros of dropout are no signs";
    }
  }
  // The flat space's signs need no second one; without dropout nothing changes.
  config.filters = {16, 24, 32};
  const SearchSpace flat(SpaceConfig::flat({"3x3 bconv"}, 1));
  const auto flat_plan_of = [&] {
    return build_network_plan(flat, Genotype{{{-1, 0, -1, 0}}}, OperationRegistry::builtin(), config);
  };
  const NetworkPlan dropped = flat_plan_of();
  EXPECT_THAT(kinds(dropped, head_of(dropped) - 1), testing::Contains("dropout").Times(3));
  EXPECT_THAT(kinds(dropped, head_of(dropped)), testing::Contains("sign").Times(2));
  const NetworkCost cost = dropped.cost();
  config.dropout_input = config.dropout_hidden = 0.0F;
  EXPECT_EQ(flat_plan_of().cost().binary_macs, cost.binary_macs);
  EXPECT_THAT(kinds(flat_plan_of(), 0), testing::Not(testing::Contains("dropout")));
  config.dropout_hidden = 1.0F;
  EXPECT_THROW(flat_plan_of(), Error);
}

TEST(NetworkBuilder, ActivationsMayStayReal) {
  NetworkConfig config;
  config.filters = {8};
  config.dense = {20, 10};
  const SearchSpace space(SpaceConfig::pnas({"3x3 sep-bconv", "3x3 maxpool"}, 2));
  const Genotype cell{{{-2, 0, -1, 1}, {-1, 0, 0, 0}}};
  const auto plan_of = [&](Activation activation) {
    config.activation = activation;
    return build_network_plan(space, cell, OperationRegistry::builtin(), config);
  };
  const NetworkPlan signs = plan_of(Activation::sign), relus = plan_of(Activation::relu);
  const NetworkPlan bare = plan_of(Activation::identity);
  const auto count = [](const NetworkPlan& plan, const char* kind) {
    const std::vector<std::string> all = kinds(plan, 0);
    return std::count(all.begin(), all.end(), kind);
  };
  EXPECT_EQ(count(relus, "relu"), count(signs, "sign"));
  EXPECT_EQ(count(relus, "sign"), 0);
  EXPECT_EQ(relus.nodes.size(), signs.nodes.size());
  EXPECT_EQ(static_cast<std::ptrdiff_t>(bare.nodes.size()),
            static_cast<std::ptrdiff_t>(signs.nodes.size()) - count(signs, "sign"));
  for (const NetworkPlan* plan : {&relus, &bare}) {
    EXPECT_EQ(plan->cost().binary_weights, signs.cost().binary_weights);
    EXPECT_EQ(plan->cost().binary_macs, 0);
    EXPECT_EQ(plan->cost().real_macs, signs.cost().real_macs + signs.cost().binary_macs);
    EXPECT_EQ(plan->cell_shapes, signs.cell_shapes);
  }
  EXPECT_EQ(std::set({signs.signature(), relus.signature(), bare.signature()}).size(), 3U);
  // A cell without any activation is still another network than one of signs.
  EXPECT_NE(relus.signature(), signs.signature());
}

TEST(NetworkBuilder, NormsOfRowsHaveAScalePerRow) {
  NetworkConfig config;
  const SearchSpace space(SpaceConfig::flat({"3x3 bconv"}, 1));
  const auto plan_of = [&] {
    return build_network_plan(space, Genotype{{{-1, 0, -1, 0}}}, OperationRegistry::builtin(), config);
  };
  const NetworkPlan channels = plan_of();
  config.norm_axis = nn::NormAxis::row;
  const NetworkPlan rows = plan_of();
  EXPECT_NE(rows.signature(), channels.signature());
  // Two norms per cell, on 14, 7 and 4 rows; the dense ones keep their 32 and 10 units.
  EXPECT_EQ(rows.cost().real_weights, 4 * (2 * (14 + 7 + 4) + 32 + 10));
  EXPECT_EQ(channels.cost().real_weights, 4 * (2 * (16 + 24 + 32) + 32 + 10));
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
