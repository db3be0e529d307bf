// SPDX-License-Identifier: Apache-2.0
// What searching and training alone have in common: one run directory, from its first check to its last trial.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "child_workers.hpp"
#include "cli/run_directory.hpp"
#include "cli/search_monitor.hpp"
#include "search_objects.hpp"

namespace bnas::cli {

/// How a program names itself: in messages ("bnas_search"), and to go on with a run ("bnas_search resume").
struct ProgramName {
  std::string program;
  std::string resume;
};

/// What a store must say of its run before the first trial; usage Error when a run began with other data or settings.
void check_fingerprint(nas::TrialStore& store, const SearchObjects& objects, const std::filesystem::path& root,
                       const ProgramName& name);

/// Keeps the logged keys that a resumption changes in the run's config.toml; a note for the log for each.
std::vector<std::string> keep_changed(const RunDirectory& run, const Config& config,
                                      const std::vector<std::string>& changed);

/// Runs or continues all trials of the objects' strategy. A DeviceFault says how to go on.
nas::SearchEnd run_trials(const Config& config, const SearchObjects& objects, const ChildWorkers& workers,
                          nas::TrialStore& store, SearchMonitor& monitor, const RunDirectory& run,
                          const ProgramName& name);

/// A variable of the environment, as layering wants it.
const char* environment(const char* name);

}  // namespace bnas::cli
