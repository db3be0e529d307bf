// SPDX-License-Identifier: Apache-2.0
#include "rank_input.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "bnas/core/error.hpp"
#include "cli/strategy_defaults.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> matches_of(const std::string& pattern) {
  glob_t found{};
  const int result = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> names(found.gl_pathv, found.gl_pathv + (result == 0 ? found.gl_pathc : 0));
  ::globfree(&found);
  if (names.empty()) {
    throw Error(ErrorKind::missing, pattern + ": no file matches");
  }
  std::stable_partition(names.begin(), names.end(),
                        [](const std::string& name) { return fs::path(name).filename() == "train_history.csv"; });
  return names;
}

}  // namespace

std::vector<std::string> history_files(const std::vector<std::string>& arguments) {
  std::vector<std::string> files;
  const auto add = [&](const std::string& name) {
    std::error_code code;
    if (!fs::is_directory(name, code)) {
      files.push_back(name);
      return;
    }
    const fs::path history = fs::path(name) / "train_history.csv";
    if (!fs::exists(history, code)) {
      require_children(name);
      throw Error(ErrorKind::missing, name + " is no run directory that has measured anything (no train_history.csv)");
    }
    files.push_back(history.string());
  };
  for (const std::string& argument : arguments) {
    std::error_code code;
    const bool pattern = argument.find_first_of("*?[") != std::string::npos && !fs::exists(argument, code);
    for (const std::string& name : pattern ? matches_of(argument) : std::vector{argument}) {
      add(name);
    }
  }
  return files;
}

std::vector<RankedCell> ranked_cells(nas::History history, const nas::SearchSpace& space, bool merge) {
  nas::canonicalize_rows(history, space);
  auto& rows = history.rows;
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (merge) {
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return rows[a].cell != rows[b].cell ? rows[a].cell < rows[b].cell : a < b;
    });
  }
  std::vector<RankedCell> out;
  double squares = 0.0;  // of deviations from the mean so far (Welford 1962)
  for (std::size_t k = 0; k < order.size(); ++k) {
    nas::HistoryRow& row = rows[order[k]];
    if (merge && k > 0 && out.back().cell == row.cell) {
      RankedCell& entry = out.back();
      const double off = row.value - entry.mean;
      entry.mean += off / static_cast<double>(++entry.count);
      squares += off * (row.value - entry.mean);
      entry.deviation = std::sqrt(squares / static_cast<double>(entry.count - 1));
      continue;
    }
    squares = 0.0;
    out.push_back({std::move(row.cell), static_cast<std::int64_t>(order[k]), 1, row.value, 0.0});
  }
  std::sort(out.begin(), out.end(), [](const RankedCell& a, const RankedCell& b) { return a.first < b.first; });
  return out;
}

}  // namespace bnas::cli
