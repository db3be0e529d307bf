// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/history.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

const std::vector<std::string> kSeedOperators{"3x3 sep-bconv", "5x5 sep-bconv", "1x7-7x1 bconv", "3x3 bconv"};

Trial measured(const SearchSpace& space, std::int64_t id, int level, int rank, Genotype genotype, double reward) {
  Trial t;
  t.id = id;
  t.level = level;
  t.rank = rank;
  t.text = space.text(genotype);
  t.genotype = std::move(genotype);
  t.status = TrialStatus::done;
  t.reward = reward;
  return t;
}

TEST(History, IsByteExactInTheFlatSpace) {
  const SearchSpace space(SpaceConfig::flat(kSeedOperators, 3));
  std::vector<Trial> trials{
      measured(space, 1, 1, 1, {{{-1, 0, -1, 3}}}, 0.9525999999046326),
      measured(space, 2, 1, 2, {{{-1, 1, -1, 1}}}, 1.0),
      measured(space, 3, 2, 1, {{{-1, 0, -1, 3}, {-1, 2, -1, 2}}}, 1e-5),
      measured(space, 4, 2, 2, {{{-1, 0, -1, 0}, {-1, 2, -1, 2}}}, 0.5),
  };
  trials[3].status = TrialStatus::running;
  const std::string end = "\n \n --------------------EXPERIMENT FINISHED------------------- \n \n";
  const std::string start =
      "All the evaluated architectures will be logged in this file. \n \n \n"
      "---- B= 0 Architectures ---- \n"
      "\nSr. No: 1\nReward: 0.9525999999046326\nArchitecture: [0, '3x3 sep-bconv', 0, '3x3 bconv']\n"
      "Representation String: \"[[1. 0. 0.]] [[1. 0. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]]\"\n"
      "\nSr. No: 2\nReward: 1.0\nArchitecture: [0, '5x5 sep-bconv', 0, '5x5 sep-bconv']\n"
      "Representation String: \"[[1. 0. 0.]] [[0. 2. 0. 0.]] [[1. 0. 0.]] [[0. 2. 0. 0.]]\"\n" +
      end +
      "---- B= 1 Architectures ---- \n"
      "\nSr. No: 1\nReward: 1e-05\n"
      "Architecture: [0, '3x3 sep-bconv', 0, '3x3 bconv', 0, '1x7-7x1 bconv', 0, '1x7-7x1 bconv']\n"
      "Representation String: \"[[1. 0. 0.]] [[1. 0. 0. 0.]] [[1. 0. 0.]] [[0. 0. 0. 4.]] "
      "[[1. 0. 0.]] [[0. 0. 3. 0.]] [[1. 0. 0.]] [[0. 0. 3. 0.]]\"\n";
  EXPECT_EQ(architectures_txt(trials, space), start);
  EXPECT_EQ(train_history_csv(trials, space),
            "0.9525999999046326,0,3x3 sep-bconv,0,3x3 bconv\r\n"
            "1.0,0,5x5 sep-bconv,0,5x5 sep-bconv\r\n"
            "1e-05,0,3x3 sep-bconv,0,3x3 bconv,0,1x7-7x1 bconv,0,1x7-7x1 bconv\r\n");

  trials[3].status = TrialStatus::failed;  // no reward: not listed, but the level is at its end
  EXPECT_EQ(architectures_txt(trials, space), start + end);

  // A later trial waits for the earlier ones.
  trials[1].status = TrialStatus::queued;
  EXPECT_EQ(train_history_csv(trials, space), "0.9525999999046326,0,3x3 sep-bconv,0,3x3 bconv\r\n");
  EXPECT_EQ(architectures_txt(trials, space), start.substr(0, start.find("\nSr. No: 2")));
}

TEST(History, NumbersInputsFromTheFarthestInThePnasSpace) {
  const SearchSpace space(SpaceConfig::pnas({"linear", "3x3 bconv"}, 2));
  const std::vector<Trial> trials{measured(space, 1, 2, 1, {{{-2, 0, -1, 1}, {-1, 0, 0, 1}}}, 0.25)};
  EXPECT_EQ(train_history_csv(trials, space), "0.25,-2,linear,-1,3x3 bconv,-1,linear,0,3x3 bconv\r\n");
  EXPECT_NE(architectures_txt(trials, space)
                .find("Representation String: \"[[1. 0. 0.]] [[1. 0.]] [[0. 2. 0.]] [[0. 2.]] "
                      "[[0. 2. 0.]] [[1. 0.]] [[0. 0. 3.]] [[0. 2.]]\"\n"),
            std::string::npos);
}

TEST(History, PadsTwoDigitIndicesAsNumpyDoes) {
  std::vector<std::string> ten = {"linear",        "identity",      "3x3 bconv",     "5x5 bconv",   "7x7 bconv",
                                  "3x3 sep-bconv", "5x5 sep-bconv", "7x7 sep-bconv", "3x3 maxpool", "3x3 avgpool"};
  const SearchSpace space(SpaceConfig::flat(ten, 1));
  const std::vector<Trial> trials{measured(space, 1, 1, 1, {{{-1, 0, -1, 9}}}, 0.5)};
  // numpy: print(np.array([[0., 0., 0., 0., 0., 0., 0., 0., 0., 10.]]))
  EXPECT_NE(architectures_txt(trials, space).find("[[ 0.  0.  0.  0.  0.  0.  0.  0.  0. 10.]]\""), std::string::npos);
}

TEST(History, LeavesShorterTrainingsOut) {
  const SearchSpace space(SpaceConfig::flat(kSeedOperators, 1));
  std::vector<Trial> trials{measured(space, 1, 1, 1, {{{-1, 0, -1, 3}}}, 0.25),
                            measured(space, 2, 1, 2, {{{-1, 0, -1, 3}}}, 0.5)};
  trials[0].budget.epochs = 2;
  trials[1].budget.epochs = 4;
  EXPECT_EQ(train_history_csv(trials, space), "0.5,0,3x3 sep-bconv,0,3x3 bconv\r\n");
  EXPECT_EQ(architectures_txt(trials, space).find("Reward: 0.25"), std::string::npos);
  EXPECT_NE(architectures_txt(trials, space).find("Reward: 0.5"), std::string::npos);
}

TEST(History, WritesScoresAsTheSeedsDo) {
  const SearchSpace space(SpaceConfig::flat(kSeedOperators, 2));
  const std::vector<ScoredCell> cells{{{{{-1, 0, -1, 3}, {-1, 1, -1, 0}}}, 0.48366728},
                                      {{{{-1, 2, -1, 2}}}, 0.1 + 0.2},  // a float32 has no more than 0.3
                                      {{{{-1, 2, -1, 3}}}, 1.0}};
  EXPECT_EQ(scores_csv(cells, space),
            "0.48366728,0,3x3 sep-bconv,0,3x3 bconv,0,5x5 sep-bconv,0,3x3 sep-bconv\r\n"
            "0.3,0,1x7-7x1 bconv,0,1x7-7x1 bconv\r\n"
            "1.0,0,1x7-7x1 bconv,0,3x3 bconv\r\n");
}

TEST(History, ExportsBothFiles) {
  const SearchSpace space(SpaceConfig::flat(kSeedOperators, 1));
  const test::Scratch scratch;
  export_history({}, space, scratch.path());
  EXPECT_EQ(test::slurp(scratch.path() / "train_history.csv"), "");
  const std::vector<Trial> trials{measured(space, 1, 1, 1, {{{-1, 0, -1, 3}}}, 0.5)};
  export_history(trials, space, scratch.path());
  EXPECT_EQ(test::slurp(scratch.path() / "train_history.csv"), train_history_csv(trials, space));
  EXPECT_EQ(test::slurp(scratch.path() / "architectures.txt"), architectures_txt(trials, space));
  EXPECT_EQ(test::slurp_tree(scratch.path()).size(), 2U) << "nothing temporary is left";
}

}  // namespace
}  // namespace bnas::nas
