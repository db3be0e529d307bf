// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bnas/core/error.hpp"
#include "support/toy_search.hpp"

namespace bnas::nas {
namespace {

using nlohmann::json;

TEST(Report, TellsWhereASearchStands) {
  const test::Scratch scratch;
  test::ToySearch search(scratch.path());
  search.trainer.diverges = [](const Trial& t) { return t.id == 5; };
  search.trainer.before_epoch = [&](const Trial& t, int) {
    if (t.id == 2) {
      throw std::runtime_error("bad \xFF shape");  // messages may hold anything
    }
  };
  search.observer.on_trial = [&](const Trial& t) { search.stop = t.id == 11; };
  ASSERT_EQ(search.run(), SearchEnd::interrupted);
  const auto store = open_sqlite_store(search.store_file(), true);
  const std::vector<Trial> trials = store->trials();
  const json status = json::parse(status_json(*store));
  EXPECT_EQ(status["trials"],
            json({{"planned", 14}, {"queued", 3}, {"running", 0}, {"done", 9}, {"diverged", 1}, {"failed", 1}}));
  ASSERT_EQ(status["levels"].size(), 2U);
  EXPECT_EQ(status["levels"][0]["level"], 1);
  EXPECT_EQ(status["levels"][0]["done"], 8);
  EXPECT_EQ(status["levels"][1]["queued"], 3);
  EXPECT_EQ(status["levels"][1]["best_reward"], trials[10].reward);
  double best = 0.0;
  for (const Trial& t : trials) {
    best = std::max(best, t.reward);
  }
  EXPECT_EQ(status["best"]["reward"], best);
  EXPECT_EQ(status["best"]["bytes"], best_trial(trials).cost.bytes());
  ASSERT_EQ(status["quality"].size(), 1U);
  EXPECT_TRUE(status["quality"][0]["extrapolation_spearman"].is_null());
  ASSERT_EQ(status["problems"].size(), 2U);
  EXPECT_EQ(status["problems"][0]["id"], 2);
  EXPECT_EQ(status["problems"][0]["attempts"], 3);
  EXPECT_EQ(status["problems"][1]["status"], "diverged");
}

TEST(Report, MeasurementsOfASearch) {
  const test::Scratch scratch;
  test::ToySearch search(scratch.path());
  search.trainer.diverges = [](const Trial& t) { return t.id == 1; };
  ASSERT_EQ(search.run(), SearchEnd::complete);
  const auto store = open_sqlite_store(search.store_file());
  const std::vector<Trial> trials = store->trials();
  const json before = json::parse(metrics_json(*store));
  EXPECT_TRUE(before["test_accuracy"].is_null());
  store->set_meta("test_accuracy", "0.75");
  const json metrics = json::parse(metrics_json(*store));
  EXPECT_EQ(metrics["test_accuracy"], 0.75);
  EXPECT_EQ(metrics["distinct_cells"], trials.size());
  EXPECT_EQ(metrics["quality"].size(), 2U);
  EXPECT_EQ(metrics["best"]["reward"], best_trial(trials).reward);
  double best = 0.0;
  ASSERT_EQ(metrics["best_so_far"].size(), trials.size());
  for (std::size_t i = 0; i < trials.size(); ++i) {
    best = std::max(best, trials[i].reward);
    EXPECT_EQ(metrics["best_so_far"][i], best) << i;
  }
  EXPECT_EQ(metrics["best_so_far"][0], 0.0) << "nothing is done yet";
}

TEST(Report, BestSoFarEndsBeforeTheFirstOpenTrial) {
  std::vector<Trial> trials(4);
  for (Trial& t : trials) {
    t.status = TrialStatus::done;
    t.reward = 0.5;
  }
  trials[1].reward = 0.25;
  trials[2].status = TrialStatus::running;
  EXPECT_EQ(best_so_far(trials), (std::vector<double>{0.5, 0.5}));
}

TEST(Report, ShortTrainingsCountTheirShareOfABudget) {
  std::vector<Trial> trials(6);
  const int epochs[] = {4, 4, 2, 1, 2, 4};
  const double rewards[] = {0.1, 0.3, 0.2, 0.6, 0.5, 0.7};
  for (std::size_t i = 0; i < trials.size(); ++i) {
    trials[i].status = TrialStatus::done;
    trials[i].budget.epochs = epochs[i];
    trials[i].reward = rewards[i];
  }
  // Of 4, 8, 10, 11, 13 and 17 epochs, where a whole training takes 4.
  EXPECT_EQ(best_by_budget(trials), (std::vector<double>{0.1, 0.3, 0.6, 0.6, 0.7}));
  EXPECT_EQ(best_by_budget({trials.begin(), trials.begin() + 2}), best_so_far({trials.begin(), trials.begin() + 2}));
  EXPECT_TRUE(best_by_budget({}).empty());
}

TEST(Report, OfAnEmptyStoreAndADamagedState) {
  const test::Scratch scratch;
  const auto store = open_sqlite_store(scratch.path() / "run.sqlite");
  const json status = json::parse(status_json(*store));
  EXPECT_TRUE(status["best"].is_null());
  EXPECT_EQ(status["trials"]["planned"], 0);
  store->save_strategy("{", 0);
  EXPECT_THROW(status_json(*store), Error);
}

}  // namespace
}  // namespace bnas::nas
