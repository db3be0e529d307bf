// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bnas/core/device.hpp"

namespace bnas::cli {

/// What the command line of bnas_score says.
struct ScoreArguments {
  std::string run;                     ///< run directory or saved surrogate; or else:
  std::vector<std::string> histories;  /// files to fit to
  std::vector<std::string> surrogates;
  std::vector<std::string> operators;  ///< that the surrogate must have been made for; empty: any
  std::int64_t blocks = 0;             ///< 0: as many as the surrogate's space
  std::int64_t top = 0;                ///< 0: all, in generation order
  std::uint64_t seed = 1;
  bool exactly = false;
  bool json = false;
  Device device;
};

/// Scores of cells as CSV on stdout, streamed; memory does not grow with their number.
int run_score_cells(const ScoreArguments& arguments);
/// Rank correlations on the next level, for each surrogate.
int run_score_evaluate(const ScoreArguments& arguments);

}  // namespace bnas::cli
