// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/trial_store.hpp"
#include "cli/arguments.hpp"
#include "cli/events.hpp"
#include "cli/run_directory.hpp"

namespace bnas::cli {

/// bnas_search with a differentiable strategy: a new search, its prediction, one that goes on in a run that is held,
/// and what `status` says of one. Those that run return the exit code.
int start_differentiable(const Config& config, const SearchArguments& arguments);
int predict_differentiable(const Config& config, bool json);
int continue_differentiable(const RunDirectory& run, const Config& config, const SearchArguments& arguments,
                            const std::vector<std::string>& notes);
/// {"progress": [done, all], "genotype": text or null, "events": [...]}; null for a run of another kind.
Json differentiable_status(const nas::TrialStore& store);
/// The same in lines, without the run and its state.
std::string differentiable_status_text(const Json& status);

}  // namespace bnas::cli
