// SPDX-License-Identifier: Apache-2.0
#include "rank_input.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "bnas/core/error.hpp"

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

std::vector<RankedCell> ranked_cells(const nas::History& history, bool merge) {
  const nas::SearchSpace space(nas::space_of(history));
  const std::vector<nas::Genotype> cells = nas::cells_of(history, space);
  struct Sums {
    std::size_t entry = 0;
    double squares = 0.0;  // of deviations from the mean so far (Welford 1962)
  };
  std::map<nas::Genotype, Sums> known;
  std::vector<RankedCell> out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double value = history.rows[i].value;
    if (merge) {
      const auto [at, added] = known.try_emplace(cells[i], Sums{out.size(), 0.0});
      if (!added) {
        RankedCell& entry = out[at->second.entry];
        const double off = value - entry.mean;
        entry.mean += off / static_cast<double>(++entry.count);
        at->second.squares += off * (value - entry.mean);
        entry.deviation = std::sqrt(at->second.squares / static_cast<double>(entry.count - 1));
        continue;
      }
    }
    out.push_back(
        {space.text(cells[i]), static_cast<int>(cells[i].blocks.size()), static_cast<std::int64_t>(i), 1, value, 0.0});
  }
  return out;
}

}  // namespace bnas::cli
