// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/nas/trial_store.hpp"

namespace bnas::nas {

/// Where a search stands, as JSON text: {"trials": {"planned", "queued", "running", "done", "diverged", "failed"},
/// "levels": [{"level", the same counts, "best_reward"}], "best": {trial} or null, "quality": [{level and
/// correlations}], "problems": [{"id", "status", "attempts", "architecture", "message"}]}. Numbers that are not finite
/// are null.
std::string status_json(const TrialStore& store);

}  // namespace bnas::nas
