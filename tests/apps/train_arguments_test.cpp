// SPDX-License-Identifier: Apache-2.0
#include "cli/train_arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bnas/core/error.hpp"

namespace bnas::cli {
namespace {

using testing::HasSubstr;

std::string refusal(const std::vector<std::string>& arguments) {
  try {
    parse_train_arguments(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return {};
}

TEST(TrainArguments, TakeFileCellAndFlags) {
  const TrainArguments a =
      parse_train_arguments({"a.toml", "--trial", "runs/a#5", "--epochs", "7", "--no-hold-out", "-vv", "--json"});
  EXPECT_EQ(a.file, "a.toml");
  EXPECT_EQ(a.trial, "runs/a#5");
  EXPECT_EQ(a.verbosity, 2);
  EXPECT_TRUE(a.json);
  ASSERT_EQ(a.flags.size(), 2U);
  EXPECT_EQ(a.flags[0].first->key, "epochs");
  EXPECT_EQ(a.flags[1].first->key, "hold_out");
  EXPECT_EQ(a.flags[1].second, "false");
  EXPECT_EQ(parse_train_arguments({"--resume", "runs/t"}).resume, "runs/t");
}

TEST(TrainArguments, ATrainingHasOneCell) {
  EXPECT_THAT(refusal({"--trial", "a#1", "--best", "a"}), HasSubstr("--trial and --best exclude each other"));
  EXPECT_THAT(refusal({"--genotype", "[]", "--representation", "[[1.]]"}), HasSubstr("exclude each other"));
  EXPECT_THAT(refusal({"--resume", "t", "--best", "a"}), HasSubstr("leave out --best"));
  EXPECT_THAT(refusal({"--resume", "t", "run.toml"}), HasSubstr("leave out run.toml"));
}

TEST(TrainArguments, FlagsOfTheSearchAreNoneOfIts) {
  EXPECT_THAT(refusal({"--children", "3"}), HasSubstr("unknown flag --children"));
  EXPECT_THAT(refusal({"--surrogate-kind", "mlp"}), HasSubstr("unknown flag --surrogate-kind"));
  EXPECT_THAT(refusal({"--repeat", "3"}), HasSubstr("did you mean --repeats?"));
  EXPECT_NO_THROW(parse_train_arguments({"--seed", "3"}));
}

TEST(TrainArguments, TrialsAreNamedByRunAndNumber) {
  EXPECT_EQ(parse_trial_name("runs/a#57"), std::pair(std::filesystem::path("runs/a"), std::int64_t{57}));
  EXPECT_EQ(parse_trial_name("a#b#3").first, "a#b");
  for (const char* text : {"runs/a", "runs/a#", "#3", "a#0", "a#-1", "a#3x", "a#99999999999999999999", ""}) {
    EXPECT_THROW(parse_trial_name(text), Error) << text;
  }
}

TEST(TrainArguments, HelpShowsItsOwnDefaults) {
  const std::string help = train_help();
  EXPECT_THAT(help, HasSubstr("(default: 200)"));
  EXPECT_THAT(help, HasSubstr("--repeats"));
  EXPECT_THAT(help, testing::Not(HasSubstr("--children")));
}

}  // namespace
}  // namespace bnas::cli
