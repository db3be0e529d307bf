// SPDX-License-Identifier: Apache-2.0
// bnas_score --evaluate: how well surrogates rank the cells of the next level.
#include <fmt/format.h>

#include <cmath>

#include "bnas/nas/surrogate_evaluation.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/format.hpp"
#include "score_commands.hpp"
#include "score_sources.hpp"

namespace bnas::cli {
namespace {

using Levels = std::vector<nas::Extrapolation>;

struct Evaluated {
  std::string name;
  Levels levels;
};

double mean_of(const Levels& levels, double nas::Extrapolation::*member) {
  double sum = 0.0;
  double count = 0.0;
  for (const nas::Extrapolation& level : levels) {
    if (std::isfinite(level.*member)) {
      sum += level.*member;
      count += 1.0;
    }
  }
  return count > 0.0 ? sum / count : std::nan("");
}

std::string rho_text(double value) { return std::isfinite(value) ? fmt::format("{:.3f}", value) : "-"; }

std::string table_of(const std::vector<Evaluated>& all, double nas::Extrapolation::*member) {
  std::vector<std::vector<std::string>> rows = {{"surrogate"}};
  for (const nas::Extrapolation& level : all.front().levels) {
    rows[0].push_back(fmt::format("b = {}", level.level));
  }
  rows[0].push_back("mean");
  for (const Evaluated& one : all) {
    auto& row = rows.emplace_back(1, one.name);
    for (const nas::Extrapolation& level : one.levels) {
      row.push_back(rho_text(level.*member));
    }
    row.push_back(rho_text(mean_of(one.levels, member)));
  }
  std::vector<bool> left(rows[0].size(), false);
  left[0] = true;
  return table_text(rows, left);
}

Json json_of(const Evaluated& one) {
  Json levels = Json::array();
  for (const nas::Extrapolation& level : one.levels) {
    levels.push_back({{"level", level.level},
                      {"seen", level.seen},
                      {"ranked", level.ranked},
                      {"spearman", json_number(level.spearman)},
                      {"spearman_within_runs", json_number(level.within_runs)}});
  }
  return {{"surrogate", one.name},
          {"levels", levels},
          {"spearman", json_number(mean_of(one.levels, &nas::Extrapolation::spearman))},
          {"spearman_within_runs", json_number(mean_of(one.levels, &nas::Extrapolation::within_runs))}};
}

}  // namespace

int run_score_evaluate(const ScoreArguments& arguments) {
  const nas::History history = read_accuracies(arguments.histories);
  const nas::SearchSpace space(space_of(history));
  const std::vector<nas::Genotype> cells = cells_of(history, space);
  std::vector<double> rewards;
  std::vector<std::int32_t> runs;
  for (const nas::HistoryRow& row : history.rows) {
    rewards.push_back(row.value);
    runs.push_back(row.run);
  }
  const std::vector<std::string> every = {
      "blend",         "gp",           "ridge",         "lstm",         "mlp",
      "lstm-ensemble", "mlp-ensemble", "lstm-pairwise", "mlp-pairwise", "mlp-ensemble-pairwise"};
  std::vector<Evaluated> all;
  for (const std::string& name : arguments.surrogates.empty() ? every : arguments.surrogates) {
    const auto surrogate = nas::make_surrogate(surrogate_by_name(name, arguments.seed), space, arguments.device);
    all.push_back({name, nas::extrapolate(*surrogate, space, {cells, rewards, runs})});
    if (all.back().levels.empty()) {
      throw Error(ErrorKind::usage, "the history has cells of one size only; nothing to extrapolate to");
    }
  }
  if (arguments.json) {
    Json out = {{"v", 1}, {"cells", cells.size()}, {"runs", history.runs}, {"surrogates", Json::array()}};
    for (const Evaluated& one : all) {
      out["surrogates"].push_back(json_of(one));
    }
    std::puts(json_text(out).c_str());
    return kSuccess;
  }
  std::string text = fmt::format("{} cells of {} run{}, {} operations, {} space\n", cells.size(), history.runs,
                                 history.runs == 1 ? "" : "s", history.operators.size(),
                                 space.config().kind == nas::SpaceKind::flat ? "flat" : "pnas");
  for (const nas::Extrapolation& level : all.front().levels) {
    text += fmt::format("b = {}: fitted to {} cells, ranked {}\n", level.level, level.seen, level.ranked);
  }
  text += "\nSpearman on the next level\n" + table_of(all, &nas::Extrapolation::spearman);
  if (history.runs > 1) {
    text += "\nThe same within each run (mean, weighted by cells)\n" + table_of(all, &nas::Extrapolation::within_runs);
  }
  std::fputs(text.c_str(), stdout);
  return kSuccess;
}

}  // namespace bnas::cli
