// SPDX-License-Identifier: Apache-2.0
#include "run_session.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "cli/build_info.hpp"
#include "cli/config_layers.hpp"
#include "cli/format.hpp"
#include "cli/signals.hpp"

namespace bnas::cli {

namespace fs = std::filesystem;

const char* environment(const char* name) { return std::getenv(name); }

void check_fingerprint(nas::TrialStore& store, const SearchObjects& objects, const fs::path& root,
                       const ProgramName& name) {
  const std::string kept = store.meta("fingerprint");
  const std::string now = objects.task->fingerprint();
  if (kept.empty()) {
    store.set_meta("program", name.program + " " + version());
    store.set_meta("split", objects.data_record);
    store.set_meta("started", utc_text());
    store.set_meta("fingerprint", now);
  } else if (kept != now) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: the data or the way of training is not what this run began with, so results would not "
                            "be comparable\n  then: {}\n  now:  {}\nGive it the same data (--data-dir), or start a new "
                            "run",
                            root.string(), kept, now));
  }
}

std::vector<std::string> keep_changed(const RunDirectory& run, const Config& config,
                                      const std::vector<std::string>& changed) {
  std::vector<std::string> notes;
  if (changed.empty()) {
    return notes;
  }
  Layered kept;  // free keys hold for one invocation only
  read_config_file(kept.config, kept.origins, run.config());
  for (const std::string& key : changed) {
    const Option& option = *find_option(key);
    notes.push_back(
        fmt::format("{} changed from {} to {}", key, toml_value(kept.config, option), toml_value(config, option)));
    copy_value(config, kept.config, option);
  }
  write_file_atomic(run.config(), std::string_view(config_to_toml(kept.config, false)));
  return notes;
}

nas::SearchEnd run_trials(const Config& config, const SearchObjects& objects, const ChildWorkers& workers,
                          nas::TrialStore& store, SearchMonitor& monitor, const RunDirectory& run,
                          const ProgramName& name) {
  nas::SearchOptions options;
  options.budget = {static_cast<int>(config.epochs), 0};
  options.workers = workers.at_once;
  options.max_attempts = static_cast<int>(config.max_attempts);
  options.max_seconds = config.time_budget;
  options.checkpoints = run.checkpoints();
  const auto text = [&](const nas::Genotype& genotype) { return objects.text(genotype); };
  try {
    return nas::run_search(*objects.strategy, *workers.trainer, store, text, options, monitor.observer(),
                           stop_requested());
  } catch (const Error& fault) {
    if (fault.kind() != ErrorKind::device_fault) {
      throw;
    }
    throw Error(ErrorKind::device_fault,
                fmt::format("{}. The device failed under the run, whose state is safe. Resume: {} {}; if the device "
                            "stays broken, add --device cpu or another one",
                            fault.what(), name.resume, run.root().string()));
  }
}

}  // namespace bnas::cli
