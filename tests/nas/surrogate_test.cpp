// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/surrogate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>

#include "bnas/core/error.hpp"
#include "bnas/nas/history_file.hpp"
#include "bnas/nas/rank_correlation.hpp"
#include "bnas/nas/surrogate_evaluation.hpp"

namespace bnas::nas {
namespace {

using Tokens = std::vector<std::int32_t>;

struct Data {
  std::vector<Tokens> tokens;
  std::vector<double> rewards;

  void append(const Data& other) {
    tokens.insert(tokens.end(), other.tokens.begin(), other.tokens.end());
    rewards.insert(rewards.end(), other.rewards.begin(), other.rewards.end());
  }
};

std::vector<double> means(const std::vector<Prediction>& predictions) {
  std::vector<double> all;
  for (const Prediction& p : predictions) {
    all.push_back(p.mean);
  }
  return all;
}

double quality(const Surrogate& surrogate, const Data& data) {
  return spearman(means(surrogate.predict(data.tokens)), data.rewards);
}

SurrogateConfig config_of(const std::string& kind) {
  SurrogateConfig config;
  config.kind = kind;
  config.seed = 5;
  return config;
}

/// Additive scores of operations, a bonus for reading the farthest input, and an interaction of a block's operations.
double synthetic_reward(const Genotype& g) {
  double sum = 0.0;
  for (const Block& b : g.blocks) {
    sum += 0.1 * b.op0 + 0.1 * b.op1 + (b.in0 == -2 ? 0.15 : 0.0) + (b.op0 == b.op1 ? 0.1 : 0.0);
  }
  return 0.5 + 0.4 * std::tanh(sum / static_cast<double>(g.blocks.size()) - 0.5);
}

Data synthetic(const SearchSpace& space, int cells, int blocks, std::uint64_t stream) {
  Data data;
  std::uint64_t index = 0;
  for (int i = 0; i < cells; ++i) {
    const Genotype g = space.sample(blocks, {1, stream, RandomPurpose::synthetic}, index);
    data.tokens.push_back(space.tokens(g));
    data.rewards.push_back(synthetic_reward(g));
  }
  return data;
}

class SurrogateTest : public testing::TestWithParam<std::string> {
 protected:
  SearchSpace space_{SpaceConfig::pnas({"a", "b", "c", "d"}, 3)};
};

TEST_P(SurrogateTest, RanksCellsItHasNotSeen) {
  SurrogateConfig config = config_of(GetParam());
  config.hidden = 32;
  config.embedding = 16;
  config.lr = 0.01;
  config.members = 3;
  const auto surrogate = make_surrogate(config, space_, {});
  Data seen = synthetic(space_, 100, 1, 1);
  seen.append(synthetic(space_, 200, 2, 2));
  surrogate->fit(seen.tokens, seen.rewards);
  // The baseline knows shares of operations only.
  EXPECT_GT(quality(*surrogate, synthetic(space_, 200, 2, 3)), GetParam() == "ridge" ? 0.8 : 0.9);
  EXPECT_GT(quality(*surrogate, synthetic(space_, 200, 3, 4)), GetParam() == "ridge" ? 0.7 : 0.8);
}

TEST_P(SurrogateTest, SameSeedSameBitsAndRefitForgets) {
  SurrogateConfig config = config_of(GetParam());
  config.epochs = 2;
  config.hidden = 10;
  config.embedding = 5;
  const Data data = synthetic(space_, 70, 2, 1);  // two full mini-batches and a part
  const Data other = synthetic(space_, 50, 1, 2);
  const auto predict = [&](std::uint64_t seed, bool fit_other_first) {
    config.seed = seed;
    const auto surrogate = make_surrogate(config, space_, {});
    if (fit_other_first) {
      surrogate->fit(other.tokens, other.rewards);
    }
    surrogate->fit(data.tokens, data.rewards);
    return means(surrogate->predict(other.tokens));
  };
  const std::vector<double> first = predict(1, false);
  EXPECT_EQ(first, predict(1, false));
  EXPECT_EQ(first, predict(1, true));
  if (GetParam() != "ridge" && GetParam() != "gp") {  // these draw nothing
    EXPECT_NE(first, predict(2, false));
  }
}

TEST_P(SurrogateTest, SpreadIsThatOfSeveral) {
  SurrogateConfig config = config_of(GetParam());
  config.epochs = 2;
  const auto surrogate = make_surrogate(config, space_, {});
  EXPECT_EQ(surrogate->name(), GetParam());
  const bool several = GetParam().ends_with("ensemble") || GetParam() == "blend";
  const Data data = synthetic(space_, 40, 2, 1);
  surrogate->fit(data.tokens, data.rewards);
  for (const Prediction& p : surrogate->predict(data.tokens)) {
    EXPECT_TRUE(several ? p.spread > 0.0 : p.spread == 0.0) << p.spread;
  }
}

TEST_P(SurrogateTest, ConstantRewardsAndSingleCells) {
  SurrogateConfig config = config_of(GetParam());
  config.epochs = 20;
  const auto surrogate = make_surrogate(config, space_, {});
  Data data = synthetic(space_, 40, 1, 1);
  for (const double constant : {0.0, 0.7, 1.0}) {
    std::fill(data.rewards.begin(), data.rewards.end(), constant);
    surrogate->fit(data.tokens, data.rewards);
    for (const Prediction& p : surrogate->predict(data.tokens)) {
      EXPECT_NEAR(p.mean, constant, 0.05);
    }
  }
  for (const std::size_t n : {1U, 2U}) {
    surrogate->fit(std::span(data.tokens).first(n), std::span(data.rewards).first(n));
    EXPECT_TRUE(std::isfinite(surrogate->predict(data.tokens)[5].mean));
  }
  EXPECT_TRUE(surrogate->predict({}).empty());
}

TEST_P(SurrogateTest, RefusesWhatItCannotLearn) {
  SurrogateConfig config = config_of(GetParam());
  config.epochs = 1;
  const auto surrogate = make_surrogate(config, space_, {});
  const auto refuses = [&](const std::vector<Tokens>& tokens, const std::vector<double>& rewards) {
    EXPECT_THROW(surrogate->fit(tokens, rewards), Error);
  };
  EXPECT_THROW(static_cast<void>(surrogate->predict(std::vector<Tokens>{{0, 1, 0, 0}})), Error);  // not fitted
  const Tokens good{0, 1, 0, 3};
  refuses({}, {});
  refuses({good}, {});
  refuses({good, good}, {0.5, std::numeric_limits<double>::quiet_NaN()});
  refuses({good}, {std::numeric_limits<double>::infinity()});
  refuses({good}, {1.5});
  refuses({{}}, {0.5});
  refuses({{0, 1, 0}}, {0.5});
  refuses({{0, 4, 0, 0}}, {0.5});  // inputs -2, -1, blocks 0 and 1: tokens 0 to 3
  refuses({{0, 1, 4, 0}}, {0.5});  // four operations
  refuses({{0, 1, -1, 0}}, {0.5});
  refuses({Tokens(16, 0)}, {0.5});  // four blocks
  surrogate->fit(std::vector<Tokens>{good}, std::vector<double>{0.5});
  EXPECT_THROW(static_cast<void>(surrogate->predict(std::vector<Tokens>{{9, 1, 0, 0}})), Error);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SurrogateTest,
                         testing::Values("blend", "gp", "lstm", "mlp", "lstm-ensemble", "mlp-ensemble", "ridge"),
                         [](const testing::TestParamInfo<std::string>& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(SurrogateLossTest, EachLossLearnsToRank) {
  const SearchSpace space(SpaceConfig::pnas({"a", "b", "c", "d"}, 3));
  const Data seen = synthetic(space, 200, 2, 2);
  for (const SurrogateLoss loss : {SurrogateLoss::l1, SurrogateLoss::mse, SurrogateLoss::pairwise}) {
    SurrogateConfig config = config_of("mlp");
    config.loss = loss;
    config.hidden = 32;
    config.embedding = 16;
    config.lr = 0.01;
    const auto surrogate = make_surrogate(config, space, {});
    surrogate->fit(seen.tokens, seen.rewards);
    EXPECT_GT(quality(*surrogate, synthetic(space, 200, 2, 3)), 0.9);
  }
}

TEST(SurrogateLossTest, RegularizationShrinksTowardsOneValue) {
  const SearchSpace space(SpaceConfig::pnas({"a", "b", "c", "d"}, 3));
  const Data seen = synthetic(space, 100, 2, 2);
  const auto range = [&](double regularization) {
    SurrogateConfig config = config_of("mlp");
    config.regularization = regularization;
    config.hidden = 32;
    config.embedding = 16;
    const auto surrogate = make_surrogate(config, space, {});
    surrogate->fit(seen.tokens, seen.rewards);
    const std::vector<double> all = means(surrogate->predict(seen.tokens));
    return *std::max_element(all.begin(), all.end()) - *std::min_element(all.begin(), all.end());
  };
  EXPECT_LT(range(0.1), 0.5 * range(0.0));
}

TEST(RidgeTest, RecoversALineThroughShares) {
  const SearchSpace space(SpaceConfig::flat({"a", "b", "c"}, 3));
  Data data;
  for (const Genotype& g : space.first()) {
    data.tokens.push_back(space.tokens(g));
    const Block& b = g.blocks[0];
    data.rewards.push_back(0.3 + 0.1 * (b.op0 + b.op1));  // 0.3 + 0.2 * (mean operation index)
  }
  const auto ridge = make_surrogate(config_of("ridge"), space, {});
  ridge->fit(data.tokens, data.rewards);
  EXPECT_NEAR(ridge->predict(std::vector<Tokens>{{0, 0, 2, 2, 0, 0, 2, 1}})[0].mean, 0.3 + 0.2 * 7.0 / 4.0, 1e-5);
}

TEST(GaussianProcessTest, BendsWhereALineCannot) {
  const SearchSpace space(SpaceConfig::flat({"a", "b"}, 4));
  Data data;  // best when half of the operations are b
  const auto add = [&](int count, int of) {
    Genotype g;
    for (int i = 0; i < of; i += 2) {
      g.blocks.push_back(
          {-1, static_cast<std::uint8_t>(i < of - count), -1, static_cast<std::uint8_t>(i + 1 < of - count)});
    }
    const double share = static_cast<double>(of - count) / of;
    data.tokens.push_back(space.tokens(space.canonical(g)));
    data.rewards.push_back(0.8 - (share - 0.5) * (share - 0.5));
  };
  for (const int of : {2, 4, 6}) {
    for (int count = 0; count <= of; ++count) {
      add(count, of);
    }
  }
  const auto gp = make_surrogate(config_of("gp"), space, {});
  gp->fit(data.tokens, data.rewards);
  Data larger;
  std::swap(larger, data);
  for (int count = 0; count <= 8; ++count) {
    add(count, 8);
  }
  EXPECT_GT(quality(*gp, data), 0.95);
  const auto ridge = make_surrogate(config_of("ridge"), space, {});
  ridge->fit(larger.tokens, larger.rewards);
  EXPECT_LT(quality(*ridge, data), 0.5);
}

TEST(GaussianProcessTest, EqualRewardsArePredictedEverywhere) {
  const SearchSpace space(SpaceConfig::pnas({"a", "b", "c", "d"}, 3));
  Data data = synthetic(space, 50, 2, 1);
  std::fill(data.rewards.begin(), data.rewards.end(), 0.25);
  const auto gp = make_surrogate(config_of("gp"), space, {});
  gp->fit(data.tokens, data.rewards);
  for (const double mean : means(gp->predict(synthetic(space, 50, 3, 2).tokens))) {
    EXPECT_DOUBLE_EQ(mean, 0.25);
  }
  gp->fit(std::vector<Tokens>{data.tokens[0]}, std::vector<double>{0.75});  // a single cell
  EXPECT_DOUBLE_EQ(gp->predict(data.tokens)[7].mean, 0.75);
}

TEST(GaussianProcessTest, ManyCellsAreThinnedOut) {
  const SearchSpace space(SpaceConfig::pnas({"a", "b", "c", "d"}, 3));
  const Data data = synthetic(space, 1300, 3, 1);
  const auto gp = make_surrogate(config_of("gp"), space, {});
  gp->fit(data.tokens, data.rewards);
  EXPECT_GT(quality(*gp, synthetic(space, 200, 3, 3)), 0.9);
}

TEST(BlendTest, TrustsTheSimpleModelMoreTheFewerCellsThereAre) {
  const SearchSpace space(SpaceConfig::flat({"a", "b", "c"}, 2));
  Data data;
  for (const Genotype& cell : space.first()) {  // six cells
    data.tokens.push_back(space.tokens(cell));
    data.rewards.push_back(synthetic_reward(cell));
  }
  for (const int copies : {1, 4}) {
    Data seen;
    for (int i = 0; i < copies; ++i) {
      seen.append(data);
    }
    std::vector<double> wanted(data.tokens.size(), 0.0);
    const double ridge = 32.0 / (32.0 + 6.0 * copies);
    for (const auto& [kind, share] : {std::pair("ridge", ridge),
                                      {"gp", (1.0 - ridge) * (2.0 + ridge) / 4.0},
                                      {"mlp-ensemble", (1.0 - ridge) * (2.0 - ridge) / 4.0}}) {
      const auto part = make_surrogate(config_of(kind), space, {});
      part->fit(seen.tokens, seen.rewards);
      const std::vector<double> own = means(part->predict(data.tokens));
      for (std::size_t i = 0; i < own.size(); ++i) {
        wanted[i] += share * own[i];
      }
    }
    const auto blend = make_surrogate(config_of("blend"), space, {});
    blend->fit(seen.tokens, seen.rewards);
    const std::vector<double> found = means(blend->predict(data.tokens));
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_NEAR(found[i], wanted[i], 1e-12) << copies;
    }
  }
}

TEST(MakeSurrogateTest, RefusesBadSettings) {
  const SearchSpace space(SpaceConfig::pnas({"a", "b"}, 3));
  const auto message = [&](const SurrogateConfig& config) -> std::string {
    try {
      static_cast<void>(make_surrogate(config, space, {}));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message(config_of("mpl")), testing::HasSubstr("did you mean 'mlp'?"));
  EXPECT_THAT(message(config_of("something else")), testing::HasSubstr("known are"));
  const auto changed = [](auto change) {
    SurrogateConfig config;
    change(config);
    return config;
  };
  EXPECT_NE(message(changed([](SurrogateConfig& c) { c.hidden = 0; })), "");
  EXPECT_NE(message(changed([](SurrogateConfig& c) { c.embedding = 5000; })), "");
  EXPECT_NE(message(changed([](SurrogateConfig& c) { c.epochs = 0; })), "");
  EXPECT_NE(message(changed([](SurrogateConfig& c) { c.lr = 0.0; })), "");
  EXPECT_NE(message(changed([](SurrogateConfig& c) { c.regularization = -1.0; })), "");
  EXPECT_NE(message(changed([](SurrogateConfig& c) { c.members = 1; })), "");
}

/// A real history: runs of flat cells on CIFAR-10, one after the other.
class RealHistoryTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* directory = std::getenv("BNAS_DATA_DIR");
    const auto file =
        std::filesystem::path(directory == nullptr ? "" : directory) / "histories" / "train_history-570.csv";
    std::error_code code;
    if (!std::filesystem::exists(file, code)) {
      GTEST_SKIP() << "set BNAS_DATA_DIR to a directory with histories/train_history-570.csv";
    }
    history_ = read_history(file);
  }

  /// Mean over the levels of the rank correlation on the next one, of rows that `keep` wants.
  double mean_extrapolation(const std::string& kind, const std::function<bool(const HistoryRow&)>& keep) const {
    const SearchSpace space(space_of(history_));
    const std::vector<Genotype> cells = cells_of(history_, space);
    std::vector<Genotype> kept;
    std::vector<double> rewards;
    std::vector<std::int32_t> runs;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (keep(history_.rows[i])) {
        kept.push_back(cells[i]);
        rewards.push_back(history_.rows[i].value);
        runs.push_back(history_.rows[i].run);
      }
    }
    const auto surrogate = make_surrogate(config_of(kind), space, {});
    double sum = 0.0;
    const std::vector<Extrapolation> levels = extrapolate(*surrogate, space, {kept, rewards, runs});
    for (const Extrapolation& level : levels) {
      sum += level.within_runs;
    }
    return sum / static_cast<double>(levels.size());
  }

  History history_;
};

TEST_F(RealHistoryTest, TheDefaultBeatsTheBaseline) {
  const std::string standard = SurrogateConfig{}.kind;
  const auto all = [](const HistoryRow&) { return true; };
  EXPECT_GT(mean_extrapolation(standard, all), mean_extrapolation("ridge", all) + 0.03);
  for (const std::int32_t run : {0, 2}) {  // the second is a handful of cells
    const auto one = [run](const HistoryRow& row) { return row.run == run; };
    EXPECT_GT(mean_extrapolation(standard, one), mean_extrapolation("ridge", one) + 0.03) << "run " << run;
  }
  double gain = 0.0;
  for (std::int64_t part = 0; part < 3; ++part) {
    const auto most = [part](const HistoryRow& row) { return row.line % 3 != part; };
    gain += (mean_extrapolation(standard, most) - mean_extrapolation("ridge", most)) / 3.0;
  }
  EXPECT_GT(gain, 0.01) << "of two thirds of the rows";
}

TEST_F(RealHistoryTest, ALargerNetworkOfThePaperBeatsTheBaselineOnALongRun) {
  const auto last = [](const HistoryRow& row) { return row.run == 2; };
  const double baseline = mean_extrapolation("ridge", last);
  EXPECT_GT(baseline, 0.7);
  EXPECT_GT(mean_extrapolation("mlp-ensemble", last), baseline);
}

}  // namespace
}  // namespace bnas::nas
