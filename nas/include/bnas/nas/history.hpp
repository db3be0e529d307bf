// SPDX-License-Identifier: Apache-2.0
// The history of a search in the formats of the two programs that inspired this one.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "bnas/nas/search_space.hpp"
#include "bnas/nas/strategy.hpp"
#include "bnas/nas/trial.hpp"

namespace bnas::nas {

// Both exports hold the measured trials before the first unfinished one, in generation order, so that they grow by
// appending and do not depend on the number of workers. Diverged and failed trials have no reward and are left out, and
// so are trials of fewer epochs than others (successive halving): their rewards do not compare.

/// One line per trial, CRLF, no header: reward, in1, op1, in2, op2, ...
std::string train_history_csv(const std::vector<Trial>& trials, const SearchSpace& space);

/// Levels, rewards, architectures and representation strings, as text. Vectors have one entry per block that a cell may
/// have (or per input, where the space has more), or per operator; `Sr. No` is the rank within the level.
std::string architectures_txt(const std::vector<Trial>& trials, const SearchSpace& space);

/// One line per cell, CRLF, no header: score as a float32, in1, op1, in2, op2, ...
std::string scores_csv(std::span<const ScoredCell> cells, const SearchSpace& space);

/// Writes train_history.csv and architectures.txt into `directory`, each replaced atomically.
void export_history(const std::vector<Trial>& trials, const SearchSpace& space, const std::filesystem::path& directory);

}  // namespace bnas::nas
