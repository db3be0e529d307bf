// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bnas/nas/trial.hpp"
#include "cli/eta.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {

struct RunningChild {
  std::int64_t id = 0;
  int epoch = 0;
  int epochs = 1;
  double loss = 0.0;
  double valid = 0.0;
};

/// Everything that the progress shows at one moment; a value.
struct ProgressSnapshot {
  std::string title;
  int level = 0;  ///< 0: the first batch is not chosen yet
  int levels = 0;
  std::int64_t finished = 0;  ///< children done, diverged or failed
  std::int64_t planned = 0;
  std::int64_t diverged = 0;
  std::int64_t failed = 0;
  std::vector<RunningChild> running;
  std::optional<nas::Trial> best;
  std::optional<double> rank_correlation;  ///< of the surrogate, on the last level it ranked
  double elapsed = 0.0;
  std::optional<Eta> eta;
  double disk_bytes = 0.0;
  bool stopping = false;
};

/// Lines for a terminal of `width` columns; each fits.
std::vector<std::string> progress_lines(const ProgressSnapshot& snapshot, const Terminal& terminal, int width);
/// One line of key=value for logs, without the time: "progress level=3 done=71 total=128 ...".
std::string progress_status(const ProgressSnapshot& snapshot);
/// "0.61 MiB  41.3 M 1-bit + 2.10 M real MACs".
std::string cost_text(const nas::NetworkCost& cost);

}  // namespace bnas::cli
