// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bnas/nas/trial.hpp"
#include "cli/events.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {

/// What came of a training: its repeats that ended well, and what each measured on the test images.
struct TrainingResult {
  std::string run;  ///< the run directory
  std::vector<nas::Trial> trials;
  std::vector<double> test_accuracy;  ///< of each trial
  std::int64_t test_images = 0;
  bool hold_out = true;
  std::size_t best = 0;  ///< of the trials: whose weights stand in RUN/best
};

/// Text for people: the curve of the best repeat, accuracies with their intervals, mean and spread, where things are.
std::string training_text(const TrainingResult& result, const Terminal& terminal, int columns);
Json training_fields(const TrainingResult& result);

}  // namespace bnas::cli
