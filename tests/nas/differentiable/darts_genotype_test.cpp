// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/darts_genotype.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "bnas/core/error.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {
namespace {

constexpr auto kSet = OperationSet::darts_separable;
constexpr int kOperations = 8;

ArchitectureValues constant_values() {
  ArchitectureValues values;
  for (auto& cell : values) {
    cell.alpha.fill(std::vector<double>(kOperations, 0.25));
    cell.beta.fill(0.5);
  }
  return values;
}

std::vector<int> sources(const std::vector<DartsEdge>& edges) {
  std::vector<int> list;
  for (const DartsEdge& edge : edges) {
    list.push_back(edge.source);
  }
  return list;
}

TEST(CellGraph, HasFourteenEdgesInFourGroups) {
  EXPECT_EQ(edge_nodes(), (std::vector<std::int32_t>{0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3}));
  EXPECT_EQ(first_edge(1), 2);
  EXPECT_EQ(first_edge(3) + edges_of(3), kCellEdges);
}

TEST(DartsGenotype, TiesKeepTheLowerSourceAndTheLowerOperation) {
  const DartsGenotype genotype = derive_by_weights(kSet, constant_values(), all_alive(kOperations));
  for (const DartsCell& cell : {genotype.normal, genotype.reduce}) {
    for (const auto& node : cell) {
      EXPECT_EQ(node, (std::vector<DartsEdge>{{"max_pool_3x3", 0}, {"max_pool_3x3", 1}}));
    }
  }
}

TEST(DartsGenotype, EdgesAreStoredFromTheHeaviestAndNoneNeverWins) {
  ArchitectureValues values = constant_values();
  CellParameters& normal = values[0];
  normal.alpha[5][0] = 9.0;  // node 2 from source 0: `none` takes nearly all of the weight
  normal.alpha[7][6] = 2.0;  // from source 2: dil_conv_3x3
  normal.alpha[8][4] = 1.0;  // from source 3: sep_conv_3x3
  normal.beta[1] = 1.0;      // node 0 prefers source 1
  const DartsGenotype genotype = derive_by_weights(kSet, values, all_alive(kOperations));
  EXPECT_EQ(genotype.normal[2], (std::vector<DartsEdge>{{"dil_conv_3x3", 2}, {"sep_conv_3x3", 3}}));
  EXPECT_EQ(sources(genotype.normal[0]), (std::vector<int>{1, 0}));
}

TEST(DartsGenotype, IsReadAsATerminalBreaksIt) {
  const DartsGenotype genotype = derive_by_weights(kSet, constant_values(), all_alive(kOperations));
  const std::string text = genotype.text();
  const std::string broken = " " + std::regex_replace(text, std::regex(R"([|+\]])"), "$&\r\n\t ");
  EXPECT_EQ(DartsGenotype::parse(broken), genotype);
  EXPECT_THROW(DartsGenotype::parse(std::regex_replace(text, std::regex("pool"), "po ol")), Error);
}

TEST(DartsGenotype, AnUnknownOperationIsToldFromAllThatThereAreOnce) {
  try {
    DartsGenotype::parse("normal[sep_conv_3x4(0)");
    FAIL();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_THAT(text, testing::HasSubstr("did you mean 'sep_conv_3x3'"));
    EXPECT_EQ(text.find("max_pool_3x3"), text.rfind("max_pool_3x3")) << text;
  }
}

// With few operations alive the softmax is over these alone.
TEST(DartsGenotype, DeadOperationsHaveNoWeight) {
  ArchitectureValues values = constant_values();
  Alive alive = all_alive(kOperations);
  values[0].alpha[0][7] = 5.0;
  alive[0][0] = {2, 5};
  alive[0][1] = {3};
  const DartsGenotype genotype = derive_by_weights(kSet, values, alive);
  EXPECT_EQ(genotype.normal[0], (std::vector<DartsEdge>{{"skip_connect", 1}, {"avg_pool_3x3", 0}}));
}

TEST(DartsGenotype, ZeroiseMayWinAndIsDividedForTransfer) {
  ArchitectureValues values = constant_values();
  values[0].alpha[0][0] = 0.25 + std::log(2.0);  // `none` twice as likely as another
  DerivationOptions options{.zeroise = true};
  EXPECT_EQ(derive_by_weights(kSet, values, all_alive(kOperations), options).normal[0][0].operation, "none");
  options.zeroise_factor = 3.0;
  EXPECT_EQ(derive_by_weights(kSet, values, all_alive(kOperations), options).normal[0][0].operation, "max_pool_3x3");
}

TEST(DartsGenotype, ScoresRankEdgesThenBeta) {
  ArchitectureValues values = constant_values();
  Alive alive;
  std::array<std::array<double, kCellEdges>, 2> scores{};
  for (auto& cell : alive) {
    cell.fill({4});
  }
  scores[0][7] = 0.9;       // node 2: source 2 leads
  values[0].beta[8] = 0.6;  // and beta decides for source 3
  alive[0][2] = {0};        // node 1: `none` is left from source 0
  scores[0][2] = 1.0;
  alive[0][0] = alive[0][1] = {0};  // node 0: nothing but `none`
  const DartsGenotype genotype = derive_by_scores(kSet, values, alive, scores);
  EXPECT_EQ(sources(genotype.normal[2]), (std::vector<int>{2, 3}));
  EXPECT_EQ(sources(genotype.normal[1]), (std::vector<int>{1, 2}));
  EXPECT_EQ(genotype.normal[0], (std::vector<DartsEdge>{{"none", 0}}));
  EXPECT_EQ(derive_by_scores(kSet, values, alive, scores, {.zeroise = true}).normal[1][0], (DartsEdge{"none", 0}));
  const DartsGenotype all = derive_by_scores(kSet, values, alive, scores, {.edges_per_node = 5});
  EXPECT_EQ(all.reduce[3].size(), 5U);
}

DartsGenotype random_genotype(std::uint64_t seed) {
  const RandomKey key{seed, 0, RandomPurpose::sample};
  ArchitectureValues values = constant_values();
  std::uint64_t number = 0;
  for (auto& cell : values) {
    for (auto& alpha : cell.alpha) {
      for (double& value : alpha) {
        value = key.uniform(number++);
      }
    }
  }
  const auto set = static_cast<OperationSet>(seed % 3);
  return derive_by_weights(set, values, all_alive(static_cast<int>(candidates(set).size())),
                           {.edges_per_node = 1 + static_cast<int>(seed % 5)});
}

TEST(DartsGenotype, TextIsReadBack) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const DartsGenotype genotype = random_genotype(seed);
    EXPECT_EQ(DartsGenotype::parse(genotype.text()), genotype) << genotype.text();
  }
}

std::string parse_error(const std::string& text) {
  try {
    DartsGenotype::parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

TEST(DartsGenotype, BadTextIsRefusedWithThePlace) {
  using testing::HasSubstr;
  const std::string good = random_genotype(1).text();
  EXPECT_THAT(parse_error(""), HasSubstr("expected 'normal[' at character 1"));
  EXPECT_THAT(parse_error("normal[sep_conv_3x3(2)"), HasSubstr("a source from 0 to 1 at character 21"));
  EXPECT_THAT(parse_error("normal[sep_conv_3x4(0)"), HasSubstr("did you mean 'sep_conv_3x3'"));
  EXPECT_THAT(parse_error("normal[none(0)+none(0)"), HasSubstr("a source other than 0"));
  EXPECT_THAT(parse_error(good + "x"), HasSubstr("expected the end"));
  EXPECT_THAT(parse_error(std::string(5000, 'a')), HasSubstr("at most 4096 characters"));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_NE(parse_error(good.substr(0, length)), "no error") << length;
  }
}

std::size_t count(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()));
}

TEST(DartsGenotype, DrawingsShowEveryEdgeOnce) {
  const DartsGenotype genotype = random_genotype(1);  // two edges per node, 2 * (8 + 4) arrows
  const std::string dot = draw_dot(genotype), svg = draw_svg(genotype);
  EXPECT_EQ(count(dot, " -> "), 24U);
  EXPECT_EQ(count(dot, "\\{"), count(dot, "\\}"));
  EXPECT_EQ(count(svg, "marker-end"), 24U);
  EXPECT_EQ(count(svg, "class=\"operation\""), 16U);
  EXPECT_THAT(svg, testing::HasSubstr(">reduction cell</text>"));
  EXPECT_THAT(dot, testing::HasSubstr("normal5 [label=\"5\"")) << "numbered as in the text";
  for (const DartsEdge& edge : genotype.normal[3]) {
    EXPECT_THAT(dot, testing::HasSubstr("normal" + std::to_string(edge.source) + " -> normal5 [label=\"" +
                                        edge.operation + "\"]"));
    EXPECT_THAT(svg, testing::HasSubstr(">" + edge.operation + "</text>"));
  }
}

}  // namespace
}  // namespace bnas::nas
