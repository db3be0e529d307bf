// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/surrogate_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

using testing::HasSubstr;

SurrogateRecord sample_record(const std::string& kind) {
  SurrogateRecord record;
  record.config.kind = kind;
  record.config.epochs = 3;
  record.config.hidden = 8;
  record.config.embedding = 4;
  record.config.seed = 9;
  record.space = SpaceConfig::pnas({"3x3 bconv", "linear"}, 3);
  const SearchSpace space(record.space);
  std::uint64_t index = 0;
  for (int i = 0; i < 40; ++i) {
    record.cells.push_back(space.sample(1 + i / 20, {1, 3, RandomPurpose::synthetic}, index));
    record.rewards.push_back(0.3 + 0.01 * i);
  }
  return record;
}

std::vector<double> scores(const Surrogate& surrogate, const SearchSpace& space) {
  std::vector<std::vector<std::int32_t>> tokens;
  for (const Genotype& cell : space.first()) {
    for (const Genotype& grown : space.grow(cell)) {
      tokens.push_back(space.tokens(grown));
    }
  }
  std::vector<double> means;
  for (const Prediction& p : surrogate.predict(tokens)) {
    means.push_back(p.mean);
  }
  return means;
}

TEST(SurrogateRecord, RestoresTheSamePredictions) {
  for (const std::string kind : {"gp", "ridge", "lstm", "mlp-ensemble"}) {
    const SurrogateRecord record = sample_record(kind);
    const SearchSpace space(record.space);
    const auto original = make_surrogate(record.config, space, {});
    std::vector<std::vector<std::int32_t>> tokens;
    for (const Genotype& cell : record.cells) {
      tokens.push_back(space.tokens(cell));
    }
    original->fit(tokens, record.rewards);
    const std::string json = to_json(record);
    const SurrogateRecord read = parse_surrogate_record(json, "s.json");
    EXPECT_EQ(to_json(read), json);
    EXPECT_EQ(scores(*restore_surrogate(read, space, {}), space), scores(*original, space)) << kind;
  }
}

TEST(SurrogateRecord, ScoresCellsLargerThanItHasSeen) {
  for (const std::string kind : {"gp", "ridge", "mlp", "lstm"}) {
    const SurrogateRecord record = sample_record(kind);
    SpaceConfig larger = record.space;
    larger.blocks = 5;
    const SearchSpace space(larger);
    const auto restored = restore_surrogate(record, space, {});
    EXPECT_EQ(scores(*restored, space), scores(*restore_surrogate(record, SearchSpace(record.space), {}), space))
        << kind;
    std::uint64_t index = 0;
    const Genotype five = space.sample(5, {1, 4, RandomPurpose::synthetic}, index);
    EXPECT_EQ(restored->predict(std::vector<std::vector<std::int32_t>>{space.tokens(five)}).size(), 1U);
  }
}

TEST(SurrogateRecord, RefusesAnotherSpaceWithTheReason) {
  const SurrogateRecord record = sample_record("ridge");
  const auto reason = [&](auto change) -> std::string {
    SpaceConfig space = record.space;
    change(space);
    try {
      require_compatible(record, space);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(reason([](SpaceConfig&) {}), "");
  EXPECT_EQ(reason([](SpaceConfig& s) { s.blocks = 8; }), "");
  EXPECT_EQ(reason([](SpaceConfig& s) { s.blocks = 2; }), "");
  EXPECT_THAT(reason([](SpaceConfig& s) { s.blocks = 1; }), HasSubstr("cells of up to 2 blocks, here blocks is 1"));
  EXPECT_THAT(reason([](SpaceConfig& s) { std::swap(s.operators[0], s.operators[1]); }),
              HasSubstr("its operators are 3x3 bconv, linear, here they are linear, 3x3 bconv"));
  EXPECT_THAT(reason([](SpaceConfig& s) { s.operators.push_back("identity"); }), HasSubstr("operators"));
  EXPECT_THAT(reason([](SpaceConfig& s) { s.look_back = 1; }), HasSubstr("look_back"));
  EXPECT_THAT(reason([](SpaceConfig& s) { s.combine = Combine::concat; }), HasSubstr("combine"));
}

TEST(SurrogateRecord, RefusesDamage) {
  const std::string good = to_json(sample_record("ridge"));
  const auto message = [](const std::string& text) -> std::string {
    try {
      static_cast<void>(parse_surrogate_record(text, "s.json"));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data);
      return error.what();
    }
    return "";
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return message(text.replace(at, from.size(), to));
  };
  EXPECT_EQ(message(good), "");
  EXPECT_THAT(message(""), HasSubstr("s.json"));
  EXPECT_THAT(with("bnas surrogate 1", "bnas surrogate 2"), HasSubstr("no \"bnas surrogate 1\" file"));
  EXPECT_THAT(with("input0,input1", "one-hot"), HasSubstr("encoded as \"one-hot"));
  EXPECT_THAT(with("\"blocks\":3", "\"blocks\":900"), HasSubstr("blocks is 900"));
  EXPECT_THAT(with("\"hidden\":8", "\"hidden\":1e9"), HasSubstr("hidden"));
  EXPECT_THAT(with("\"hidden\":8", "\"hidden\":\"8\""), HasSubstr("hidden"));
  EXPECT_THAT(with("\"cells\":[[", "\"cells\":[[[-9,0,-1,0],"), HasSubstr("out of range"));
  EXPECT_THAT(with("\"cells\":[[", "\"cells\":[[[-1,7,-1,0],"), HasSubstr("operation number 7"));
  EXPECT_THAT(with("\"cells\":[[", "\"cells\":[[],["), HasSubstr("s.json"));
  EXPECT_THAT(with("\"rewards\":[0.3", "\"rewards\":[3"), HasSubstr("a reward"));
  EXPECT_THAT(with("\"rewards\":[", "\"rewards\":[0.5,"), HasSubstr("one reward for each"));
  for (std::size_t n = 0; n < good.size(); n += 7) {
    EXPECT_NE(message(good.substr(0, n)), "") << n;
  }
}

TEST(SurrogateRecord, HoldsWhatIsMeasuredBeforeTheFirstOpenTrial) {
  const SpaceConfig space = SpaceConfig::flat({"a", "b"}, 1);
  std::vector<Trial> trials(4);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    trials[i].genotype = {{{-1, 0, -1, static_cast<std::uint8_t>(i % 2)}}};
    trials[i].status = TrialStatus::done;
    trials[i].reward = 0.1 * static_cast<double>(i);
  }
  trials[1].status = TrialStatus::diverged;
  trials[3].status = TrialStatus::running;
  const SurrogateRecord record = record_surrogate({}, space, trials);
  EXPECT_EQ(record.rewards, (std::vector<double>{0.0, 0.2}));
  EXPECT_EQ(record.cells.size(), 2U);
  EXPECT_THROW(static_cast<void>(restore_surrogate(record_surrogate({}, space, {}), SearchSpace(space), {})), Error);
}

TEST(SurrogateRecord, HoldsWhatItsSurrogateKnewBefore) {
  const SpaceConfig space = SpaceConfig::flat({"a", "b"}, 1);
  std::vector<Trial> trials(1);
  trials[0].genotype = {{{-1, 0, -1, 0}}};
  trials[0].status = TrialStatus::done;
  trials[0].reward = 0.5;
  const MeasuredRewards earlier{{{{{-1, 0, -1, 0}}}, {{{-1, 1, -1, 1}}}}, {0.4, 0.6}};
  const SurrogateRecord record = record_surrogate({}, space, trials, earlier);
  EXPECT_EQ(record.cells.size(), 2U);
  EXPECT_EQ(record.rewards[0], 0.5) << "measured here";
}

}  // namespace
}  // namespace bnas::nas
