// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bnas/nas/strategy.hpp"
#include "bnas/nas/trial.hpp"
#include "cli/events.hpp"

namespace bnas::cli {

/// What a search ends with.
struct SearchResult {
  std::string run;  ///< directory
  std::vector<nas::Trial> trials;
  std::vector<nas::SurrogateQuality> quality;
  std::optional<double> test_accuracy;  ///< of the best cell, measured once
  std::int64_t next_seed = 0;           ///< for the suggestion of a run with another seed
};

/// Measured trials, best first; the lower id first among equals.
std::vector<nas::Trial> best_trials(const std::vector<nas::Trial>& trials, std::size_t count);
/// Rank, accuracy, size and multiplies of the best cells.
std::string best_table(const std::vector<nas::Trial>& trials, std::size_t count);
std::string quality_table(const std::vector<nas::SurrogateQuality>& quality);
/// Tables, test accuracy, where the weights are, and the commands to run next.
std::string result_text(const SearchResult& result);
Json result_fields(const SearchResult& result);

}  // namespace bnas::cli
