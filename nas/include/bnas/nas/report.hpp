// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bnas/nas/trial_store.hpp"

namespace bnas::nas {

/// Where a search stands, as JSON text: {"trials": {"planned", "queued", "running", "done", "diverged", "failed"},
/// "levels": [{"level", the same counts, "best_reward"}], "best": {trial} or null, "quality": [{level and
/// correlations}], "problems": [{"id", "status", "attempts", "architecture", "message"}]}. Numbers that are not finite
/// are null.
std::string status_json(const TrialStore& store);

/// The measurements of a search, as JSON text: "trials", "levels", "best" and "quality" as in status_json(), and
/// {"v": 1, "distinct_cells", "seconds" of training in all, "best_so_far": [rewards], "test_accuracy": number or null}.
std::string metrics_json(const TrialStore& store);

/// The best reward after each of the trials before the first unfinished one, in generation order; 0 before any is done.
std::vector<double> best_so_far(const std::vector<Trial>& trials);
/// The same by cost: entry n is the best reward after as many epochs as n + 1 whole trainings take. Without short
/// trainings both are equal.
std::vector<double> best_by_budget(const std::vector<Trial>& trials);

}  // namespace bnas::nas
