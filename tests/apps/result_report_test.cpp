// SPDX-License-Identifier: Apache-2.0
#include "cli/result_report.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

namespace bnas::cli {
namespace {

nas::Trial trial(std::int64_t id, double reward, nas::TrialStatus status = nas::TrialStatus::done) {
  nas::Trial out;
  out.id = id;
  out.reward = reward;
  out.status = status;
  out.text = "[-1, 'linear', -1, '3x3 bconv']";
  out.cost = {74'848, 100, 1'209'280, 5'000};
  return out;
}

TEST(ResultReport, best_first_and_equals_by_age) {
  const auto best = best_trials({trial(1, 0.5), trial(2, 0.75), trial(3, 0.9, nas::TrialStatus::failed), trial(4, 0.75),
                                 trial(5, 0.0, nas::TrialStatus::diverged)},
                                3);
  ASSERT_EQ(best.size(), 3U);
  EXPECT_EQ(best[0].id, 2);
  EXPECT_EQ(best[1].id, 4);
  EXPECT_EQ(best[2].id, 1);
}

TEST(ResultReport, text_names_what_a_user_needs_next) {
  SearchResult result;
  result.run = "runs/a";
  result.trials = {trial(1, 0.5), trial(2, 0.75)};
  result.quality = {{1, 0.9, 0.8, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()},
                    {2, 0.85, 0.7, 0.6, 0.5}};
  result.test_accuracy = 0.7412;
  result.next_seed = 8;
  EXPECT_EQ(result_text(result),
            "Best cells\n"
            "rank  validation      size    bits  binary MACs  real MACs  child\n"
            "   1     75.00 %  9.53 KiB  78,048       1.21 M     5.00 k     #2\n"
            "      [-1, 'linear', -1, '3x3 bconv']\n"
            "   2     50.00 %  9.53 KiB  78,048       1.21 M     5.00 k     #1\n"
            "      [-1, 'linear', -1, '3x3 bconv']\n"
            "\n"
            "Surrogate: rank correlation on what it has seen (fit), on the next level (ahead)\n"
            "level  fit Spearman  fit Kendall  ahead Spearman  ahead Kendall\n"
            "    1         0.900        0.800               -              -\n"
            "    2         0.850        0.700           0.600          0.500\n"
            "\n"
            "Best cell   [-1, 'linear', -1, '3x3 bconv']\n"
            "Validation  75.00 %  (best of all levels)\n"
            "Test        74.12 %  (measured once)\n"
            "Weights     runs/a/best/weights.safetensors  (packed)\n"
            "            runs/a/best/latent.safetensors  (floats, to train on)\n"
            "\n"
            "Next\n"
            "  bnas_search status runs/a\n"
            "  bnas_search runs/a/config.toml --seed 8\n");
}

TEST(ResultReport, long_cells_wrap_at_80_columns) {
  SearchResult result;
  result.run = "runs/a";
  result.trials = {trial(1, 0.5)};
  result.trials[0].text =
      "[-2, '5x5 sep-bconv', -1, '1x7-7x1 bconv', -2, '5x5 sep-bconv', 0, '1x7-7x1 bconv', -2, "
      "'3x3 sep-bconv', 1, '3x3 maxpool']";
  std::istringstream lines(result_text(result));
  std::string joined;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80U) << line;
    joined += line.substr(std::min(line.size(), line.find_first_not_of(' ')));
  }
  EXPECT_NE(joined.find(result.trials[0].text), std::string::npos) << "nothing of the cell is lost";
}

TEST(ResultReport, fields_turn_undefined_numbers_into_null) {
  SearchResult result;
  result.trials = {trial(1, 0.5)};
  result.quality = {{1, 0.9, 0.8, std::numeric_limits<double>::quiet_NaN(), 0.0}};
  const Json fields = result_fields(result);
  EXPECT_TRUE(fields["surrogate"][0]["extrapolation_spearman"].is_null());
  EXPECT_TRUE(fields["test_acc"].is_null());
  EXPECT_EQ(fields["best"][0]["bits"], 78'048);
  EXPECT_EQ(fields["best"][0]["bytes"], 9'756);
}

TEST(ResultReport, nothing_measured_is_said) { EXPECT_EQ(result_text({}), "No cell could be measured.\n"); }

}  // namespace
}  // namespace bnas::cli
