// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bnas/nas/history_file.hpp"

namespace bnas::cli {

/// The files that `arguments` name, in order: files, patterns (* ? [...]), which match in alphabetical order with
/// train_history.csv first, and run directories, which stand for their train_history.csv. missing Error for a pattern
/// without match and for what is not there.
std::vector<std::string> history_files(const std::vector<std::string>& arguments);

/// A cell and all its lines, or one line.
struct RankedCell {
  nas::Genotype cell;      ///< canonical
  std::int64_t first = 0;  ///< 0-based line over all files where it stands first
  std::int64_t count = 1;  ///< lines
  double mean = 0.0;
  double deviation = 0.0;  ///< sample standard deviation; 0 for one line
};

/// In order of `first`; with `merge`, lines whose cells are the same network are one entry. Takes the rows to pieces:
/// histories may have millions of them.
std::vector<RankedCell> ranked_cells(nas::History history, const nas::SearchSpace& space, bool merge);

}  // namespace bnas::cli
