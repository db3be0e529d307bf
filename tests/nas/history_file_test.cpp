// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/history_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bnas/core/error.hpp"
#include "bnas/nas/history.hpp"
#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(HistoryFile, ReadsTheFormatOfTheSeeds) {
  const History h = parse_history(
      "0.2443,0,3x3 dconv,0,3x3 dconv\r\n"
      "0.2526,0,3x3 dconv,0,1x7-7x1 conv\r\n"
      "0.48366728,0,1x7-7x1 conv,1,3x3 dconv,2,3x3 maxpool,0,3x3 dconv\r\n",
      "h.csv");
  EXPECT_THAT(h.operators, ElementsAre("3x3 dconv", "1x7-7x1 conv", "3x3 maxpool"));
  ASSERT_EQ(h.rows.size(), 3U);
  EXPECT_EQ(h.rows[0].value, 0.2443);
  EXPECT_EQ(h.rows[1].cell, (Genotype{{{0, 0, 0, 1}}}));
  EXPECT_EQ(h.rows[2].value, 0.48366728);
  EXPECT_EQ(h.rows[2].cell, (Genotype{{{0, 1, 1, 0}, {2, 2, 0, 0}}}));
  EXPECT_EQ(h.rows[2].line, 3);
}

TEST(HistoryFile, ReadsWhatOthersMakeOfIt) {
  const History h = parse_history(
      "\xEF\xBB\xBF"
      "1, 0,a,0 , b\n"
      "\r\n"
      "  \n"
      "5e-1,0,\"a, \"\"b\"\"\",0,a",
      "h.csv");
  EXPECT_THAT(h.operators, ElementsAre("a", "b", "a, \"b\""));
  ASSERT_EQ(h.rows.size(), 2U);
  EXPECT_EQ(h.rows[1].value, 0.5);
  EXPECT_EQ(h.rows[1].line, 4);
  EXPECT_TRUE(parse_history("", "h.csv").rows.empty());
}

TEST(HistoryFile, ARunBeginsWhereCellsAreSmallAgain) {
  const std::string one = "0.1,0,a,0,a\n";
  const std::string two = "0.1,0,a,0,a,0,a,0,a\n";
  const std::string three = "0.1,0,a,0,a,0,a,0,a,0,a,0,a\n";
  std::vector<int> runs;
  const History h = parse_history(one + one + two + three + two + one + two + one, "h.csv");
  for (const HistoryRow& row : h.rows) {
    runs.push_back(row.run);
  }
  EXPECT_THAT(runs, ElementsAre(0, 0, 0, 0, 0, 1, 1, 2)) << "strategies that go back to smaller cells stay one run";
  EXPECT_EQ(h.runs, 3);
}

TEST(HistoryFile, RefusesWhatIsNoHistory) {
  const auto message = [](const std::string& text) -> std::string {
    try {
      static_cast<void>(parse_history(text, "h.csv"));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data);
      return error.what();
    }
    return "";
  };
  const std::string good = "0.5,0,a,0,a\r\n";
  EXPECT_THAT(message(good + "reward,in1,op1,in2,op2\r\n"), HasSubstr("h.csv:2: field 1 is 'reward', not a number"));
  EXPECT_THAT(message("nan,0,a,0,a"), HasSubstr("field 1"));
  EXPECT_THAT(message("1e999,0,a,0,a"), HasSubstr("field 1"));
  EXPECT_THAT(message("0.5"), HasSubstr("1 fields"));
  EXPECT_THAT(message("0.5,0,a,0"), HasSubstr("4 fields"));
  EXPECT_THAT(message("0.5,0,a,0,a,0,a"), HasSubstr("7 fields"));
  EXPECT_THAT(message("0.5,8,a,0,a"), HasSubstr("field 2 is '8', not an input between -2 and 7"));
  EXPECT_THAT(message("0.5,-3,a,0,a"), HasSubstr("field 2"));
  EXPECT_THAT(message("0.5,99999999999999999999,a,0,a"), HasSubstr("field 2"));
  EXPECT_THAT(message("0.5,0,,0,a"), HasSubstr("field 3"));
  EXPECT_THAT(message("0.5,0,\033[31m,0,a"), HasSubstr("field 3 is '?[31m'"));
  EXPECT_THAT(message("0.5,0," + std::string(129, 'x') + ",0,a"), HasSubstr("field 3"));
  EXPECT_THAT(message("0.5,0,\"a,0,a"), HasSubstr("quote"));
  EXPECT_THAT(message("0.5,0,\"a\"b,0,a"), HasSubstr("quote"));
  std::string nine = "0.5";
  for (int i = 0; i < 9; ++i) {
    nine += ",0,a,0,a";
  }
  EXPECT_THAT(message(nine), HasSubstr("37 fields"));
  std::string many;
  for (int i = 0; i < 33; ++i) {
    many += "0.5,0,op" + std::to_string(2 * i) + ",0,op" + std::to_string(2 * i + 1) + "\n";
  }
  EXPECT_THAT(message(many), HasSubstr("h.csv:33: operation 'op64' is one more than the 64"));
  EXPECT_THAT(message(good + std::string(20'000, 'x')), HasSubstr("h.csv:2: the line is longer"));
  EXPECT_THAT(message(std::string(20'000, 'x') + "\n" + good), HasSubstr("h.csv:1: the line is longer"));
}

TEST(HistoryFile, EveryPrefixIsReadOrRefused) {
  const std::string text = "0.2443,0,3x3 dconv,-1,\"a\"\"b\"\r\n0.5,0,a,0,b,1,c,0,d\r\n";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    try {
      EXPECT_LE(parse_history(text.substr(0, n), "h.csv").rows.size(), 2U);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    }
  }
}

TEST(HistoryFile, FilesAreReadInPieces) {
  const test::Scratch scratch;
  std::string text;  // longer than the buffer, so that lines lie across its end
  for (int i = 0; i < 20'000; ++i) {
    text += "0." + std::to_string(100'000 + i) + ",0,3x3 dconv,0,3x3 maxpool\r\n";
  }
  test::spill(scratch.path() / "h.csv", text + "0.5,0,a,0,a");
  const History h = read_history(scratch.path() / "h.csv");
  ASSERT_EQ(h.rows.size(), 20'001U);
  EXPECT_EQ(h.rows[19'999].value, 0.119999);
  EXPECT_EQ(h.rows.back().cell, (Genotype{{{0, 2, 0, 2}}}));
  test::spill(scratch.path() / "long.csv", "0.5,0,a,0,a\n" + std::string(1'000'000, '7'));
  EXPECT_THROW(static_cast<void>(read_history(scratch.path() / "long.csv")), Error);
  EXPECT_THROW(static_cast<void>(read_history(scratch.path())), Error);
}

TEST(HistoryFile, HistoriesAreJoinedByName) {
  History all = parse_history("0.1,0,a,0,b\n", "1.csv");
  append_history(all, parse_history("0.2,0,c,0,b\n0.3,0,c,0,b,0,a,0,a\n", "2.csv"));
  EXPECT_THAT(all.operators, ElementsAre("a", "b", "c"));
  ASSERT_EQ(all.rows.size(), 3U);
  EXPECT_EQ(all.rows[1].cell, (Genotype{{{0, 2, 0, 1}}}));
  EXPECT_EQ(all.rows[2].cell, (Genotype{{{0, 2, 0, 1}, {0, 0, 0, 0}}}));
  EXPECT_EQ(all.rows[0].run, 0);
  EXPECT_EQ(all.rows[2].run, 1);
  EXPECT_EQ(all.runs, 2);
}

TEST(HistoryFile, FlatCellsIgnoreInputs) {
  const History h = parse_history("0.1,0,a,1,b\n0.2,2,b,0,a\n", "h.csv");
  const SearchSpace space(space_of(h));
  EXPECT_EQ(space.config().kind, SpaceKind::flat);
  const std::vector<Genotype> cells = cells_of(h, space);
  EXPECT_EQ(cells[0], cells[1]);
  EXPECT_THROW(static_cast<void>(space_of(History{})), Error);
}

TEST(HistoryFile, ReadsBackWhatBnasWrites) {
  const SearchSpace space(SpaceConfig::pnas({"3x3 bconv", "a, \"b\"", "linear"}, 3));
  std::vector<Trial> trials;
  std::uint64_t index = 0;
  for (int i = 0; i < 60; ++i) {
    Trial& t = trials.emplace_back();
    t.id = i + 1;
    t.genotype = space.sample(1 + i / 20, {1, 2, RandomPurpose::synthetic}, index);
    t.status = TrialStatus::done;
    t.reward = 1.0 / (i + 3);
  }
  const History h = parse_history(train_history_csv(trials, space), "h.csv");
  SpaceConfig found = space_of(h);
  EXPECT_EQ(found.kind, SpaceKind::pnas);
  EXPECT_EQ(found.blocks, 3);
  const SearchSpace read(found);
  const std::vector<Genotype> cells = cells_of(h, read);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    EXPECT_EQ(h.rows[i].value, trials[i].reward);
    EXPECT_EQ(space.canonical(space.parse(read.text(cells[i]))), trials[i].genotype);
  }
}

TEST(HistoryFile, ACellThatReadsItselfIsRefused) {
  const History h = parse_history("0.1,-1,a,0,b\n", "h.csv");  // block 0 reads block 0
  const SearchSpace space(space_of(h));
  EXPECT_THROW(static_cast<void>(cells_of(h, space)), Error);
}

}  // namespace
}  // namespace bnas::nas
