// SPDX-License-Identifier: Apache-2.0
#include "cli/result_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "cli/format.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

constexpr std::size_t kBest = 5;

std::string correlation(double value) { return std::isfinite(value) ? fmt::format("{:.3f}", value) : "-"; }

}  // namespace

std::vector<nas::Trial> best_trials(const std::vector<nas::Trial>& trials, std::size_t count) {
  std::vector<nas::Trial> out;
  std::copy_if(trials.begin(), trials.end(), std::back_inserter(out),
               [](const nas::Trial& trial) { return trial.status == nas::TrialStatus::done; });
  std::stable_sort(out.begin(), out.end(), [](const nas::Trial& a, const nas::Trial& b) {
    return a.reward != b.reward ? a.reward > b.reward : a.id < b.id;
  });
  out.resize(std::min(out.size(), count));
  return out;
}

std::string best_table(const std::vector<nas::Trial>& trials, std::size_t count) {
  const std::vector<nas::Trial> best = best_trials(trials, count);
  std::vector<std::vector<std::string>> rows = {
      {"rank", "validation", "size", "bits", "binary MACs", "real MACs", "child"}};
  for (const nas::Trial& trial : best) {
    rows.push_back({std::to_string(rows.size()), percent_text(trial.reward),
                    bytes_text(static_cast<double>(trial.cost.bytes())), grouped(std::to_string(trial.cost.bits())),
                    count_text(static_cast<double>(trial.cost.binary_macs)),
                    count_text(static_cast<double>(trial.cost.real_macs)), fmt::format("#{}", trial.id)});
  }
  constexpr std::size_t kIndent = 6;
  return table_with_notes(rows, [&](std::size_t row) {
    return std::string(kIndent, ' ') + wrapped_list(escaped(best[row].text), kIndent);
  });
}

std::string quality_table(const std::vector<nas::SurrogateQuality>& quality) {
  std::vector<std::vector<std::string>> rows = {
      {"level", "fit Spearman", "fit Kendall", "ahead Spearman", "ahead Kendall"}};
  for (const nas::SurrogateQuality& q : quality) {
    rows.push_back({std::to_string(q.level), correlation(q.fit_spearman), correlation(q.fit_kendall),
                    correlation(q.extrapolation_spearman), correlation(q.extrapolation_kendall)});
  }
  return table_text(rows, std::vector<bool>(5, false));
}

std::string result_text(const SearchResult& result) {
  const std::vector<nas::Trial> best = best_trials(result.trials, 1);
  if (best.empty()) {
    return "No cell could be measured.\n";
  }
  std::string out = "Best cells\n" + best_table(result.trials, kBest);
  if (!result.quality.empty()) {
    out += "\nSurrogate: rank correlation on what it has seen (fit), on the next level (ahead)\n" +
           quality_table(result.quality);
  }
  out +=
      fmt::format("\nBest cell   {}\n", wrapped_list(escaped(best[0].text), std::string_view("Best cell   ").size()));
  out += fmt::format("Validation  {}  (best of all levels)\n", percent_text(best[0].reward));
  if (result.test_accuracy) {
    out += fmt::format("Test        {}  (measured once)\n", percent_text(*result.test_accuracy));
  }
  out += fmt::format("Weights     {0}/best/weights.safetensors  (packed)\n", result.run);
  out += fmt::format("            {0}/best/latent.safetensors  (floats, to train on)\n", result.run);
  out += fmt::format("\nNext\n  bnas_search status {0}\n  bnas_search {0}/config.toml --seed {1}\n", result.run,
                     result.next_seed);
  return out;
}

Json result_fields(const SearchResult& result) {
  Json best = Json::array();
  for (const nas::Trial& trial : best_trials(result.trials, kBest)) {
    best.push_back(trial_fields(trial));
  }
  Json quality = Json::array();
  for (const nas::SurrogateQuality& q : result.quality) {
    quality.push_back(quality_fields(q));
  }
  return {{"run", result.run},
          {"children", result.trials.size()},
          {"best", best},
          {"surrogate", quality},
          {"test_acc", result.test_accuracy ? json_number(*result.test_accuracy) : Json()},
          {"weights", result.run + "/best/weights.safetensors"}};
}

}  // namespace bnas::cli
