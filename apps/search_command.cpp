// SPDX-License-Identifier: Apache-2.0
// bnas_search: a new search, and resume.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "cli/build_info.hpp"
#include "cli/calibration.hpp"
#include "cli/exit_code.hpp"
#include "cli/format.hpp"
#include "cli/result_report.hpp"
#include "cli/run_directory.hpp"
#include "cli/search_monitor.hpp"
#include "cli/signals.hpp"
#include "cli/strategy_defaults.hpp"
#include "differentiable_command.hpp"
#include "run_session.hpp"
#include "saved_surrogate.hpp"
#include "search_commands.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

const ProgramName kName{"bnas_search", "bnas_search resume"};

/// Weights and three optimizer slots in f32, two generations, for each child that trains; the last generation and the
/// best weights of every child; twice that, and room for the store.
double disk_needed(const Config& config, const SearchObjects& objects) {
  const double weights =
      level_cost(*objects.task, *objects.space, static_cast<int>(config.blocks)).largest_weights * 4.0;
  const auto trials = static_cast<double>(objects.strategy->planned_trials());
  constexpr double kStore = 64.0 * 1024.0 * 1024.0;
  return 2.0 * weights *
             (2.0 * 4.0 * worker_count(config) * static_cast<double>(objects.devices.size()) + 5.0 * trials) +
         kStore;
}

/// Weights of the best trial in best/, and its accuracy on the test images: measured when the store does not have it.
double finish_best(const RunDirectory& run, const ChildWorkers& workers, nas::TrialStore& store,
                   const nas::Trial& best) {
  if (const std::string kept = store.meta("test_accuracy"); !kept.empty()) {
    return std::strtod(kept.c_str(), nullptr);
  }
  const fs::path directory = run.checkpoints() / std::to_string(best.id);
  const double accuracy = workers.finish(best, directory, run.best());
  write_file_atomic(run.best() / "architecture.txt", std::string_view(best.text + "\n"));
  store.set_meta("test_accuracy", fmt::format("{}", accuracy));
  return accuracy;
}

int report_end(nas::SearchEnd end, SearchMonitor& monitor, const RunDirectory& run, const Config& config,
               const SearchObjects& objects, const ChildWorkers& workers, nas::TrialStore& store, bool json) {
  SearchResult result{run.root().string(), store.trials(), objects.strategy->quality(), std::nullopt, config.seed + 1};
  const nas::Trial best = nas::best_trial(result.trials);
  if (end == nas::SearchEnd::complete && best.id != 0) {
    result.test_accuracy = finish_best(run, workers, store, best);
  }
  monitor.close();
  const auto finished = std::count_if(result.trials.begin(), result.trials.end(),
                                      [](const nas::Trial& trial) { return nas::is_final(trial.status); });
  const std::string resume = "bnas_search resume " + run.root().string();
  const auto leave = [&](const char* reason, const std::string& message, int code) {
    Json fields = result_fields(result);
    fields["reason"] = reason;
    monitor.events().write("run_end", fields);
    if (!message.empty()) {
      std::fprintf(stderr, "%s\n", message.c_str());
    }
    return code;
  };
  switch (end) {
    case nas::SearchEnd::interrupted:
      return leave("interrupted", fmt::format("Stopped after {} children. Resume: {}", finished, resume),
                   kSignalBase + std::max(stop_signal(), 1));
    case nas::SearchEnd::out_of_time:
      return leave("out_of_time",
                   fmt::format("Time budget used up after {} children. Resume: {} --time-budget 0", finished, resume),
                   kStoppedEarly);
    case nas::SearchEnd::too_many_failures:
      return leave("too_many_failures",
                   fmt::format("Too many children failed or diverged; see bnas_search status {} and {}",
                               run.root().string(), run.log().string()),
                   kSearchFailed);
    case nas::SearchEnd::complete:
      break;
  }
  if (!json) {
    std::fputs(result_text(result).c_str(), stdout);
  }
  return leave("complete", best.id == 0 ? "No child could be measured; see " + run.log().string() : "",
               best.id == 0 ? kSearchFailed : kSuccess);
}

int run_in(RunDirectory& run, const Config& config, const SearchArguments& arguments, SearchObjects& objects,
           const std::vector<std::string>& notes) {
  require_free_space(run.root(), disk_needed(config, objects));
  const auto store = nas::open_sqlite_store(run.store());
  check_fingerprint(*store, objects, run.root(), kName);
  keep_earlier_surrogate(run, objects.earlier);
  const ChildWorkers workers = make_child_workers(config, objects, run);
  const std::string title =
      fmt::format("bnas_search {}  {}  {}  seed {}  {} x{}  {}", version(), config.strategy, objects.data_text,
                  config.seed, objects.device_text, workers.at_once, run.root().string());
  SearchMonitor monitor({.root = run.root(),
                         .title = title,
                         .levels = static_cast<int>(config.blocks),
                         .workers = workers.at_once,
                         .verbosity = arguments.verbosity,
                         .json = arguments.json,
                         .log_file = arguments.log_file,
                         .surrogate = surrogate_of(config),
                         .earlier = objects.earlier},
                        &*objects.space, *objects.task, *objects.strategy, *store);
  monitor.log().write(LogLevel::info, title + "  " + workers.description);
  if (objects.earlier) {
    monitor.log().write(LogLevel::info, fmt::format("the surrogate knows {} cells of {} from the start",
                                                    objects.earlier->cells.size(), config.surrogate_from));
  }
  for (const std::string& note : notes) {
    monitor.log().write(LogLevel::info, note);
  }
  monitor.events().write("run_start", {{"run", run.root().string()},
                                       {"version", version()},
                                       {"strategy", config.strategy},
                                       {"dataset", config.dataset},
                                       {"seed", config.seed},
                                       {"device", objects.device_text},
                                       {"workers", workers.at_once}});
  const nas::SearchEnd end = run_trials(config, objects, workers, *store, monitor, run, kName);
  const int code = report_end(end, monitor, run, config, objects, workers, *store, arguments.json);
  monitor.exports().all();
  return code;
}

}  // namespace

int run_search_command(const SearchArguments& arguments) {
  Layered layered = layer_config(arguments.target, arguments.flags, environment);
  Config& config = layered.config;
  if (!config.genotype.empty()) {
    throw Error(ErrorKind::usage, "genotype: a search finds its cells itself; bnas_train trains a given one");
  }
  if (!config.weights.empty()) {
    throw Error(ErrorKind::usage, "weights: each child of a search starts anew; bnas_train goes on from given ones");
  }
  const bool differentiable = is_differentiable(config);
  if (!differentiable) {
    make_space(config);
  }
  if (arguments.print_config) {
    std::fputs(config_to_toml(config, true).c_str(), stdout);
    return kSuccess;
  }
  if (arguments.dry_run) {
    return differentiable ? predict_differentiable(config, arguments.json) : run_dry_run(config, arguments.json);
  }
  if (differentiable) {
    return start_differentiable(config, arguments);
  }
  const fs::path root = config.run_dir.empty() ? fresh_run_directory(config.dataset) : fs::path(config.run_dir);
  refuse_taken(root);
  install_stop_signals();
  SearchObjects objects(config, earlier_surrogate(config));
  RunDirectory run = RunDirectory::create(root, config_to_toml(config, false));
  return run_in(run, config, arguments, objects, {});
}

int run_resume_command(const SearchArguments& arguments) {
  RunDirectory run = RunDirectory::open(arguments.target);
  std::vector<std::string> changed;
  const Layered layered = layer_resume(run.root(), arguments.flags, environment, changed);
  if (!layered.config.genotype.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("{0} is a training; continue it with bnas_train --resume {0}", run.root().string()));
  }
  if (arguments.print_config) {
    std::fputs(config_to_toml(layered.config, true).c_str(), stdout);
    return kSuccess;
  }
  install_stop_signals();
  const bool differentiable = is_differentiable(layered.config);
  auto objects = differentiable
                     ? nullptr
                     : std::make_unique<SearchObjects>(layered.config, earlier_surrogate(layered.config, &run));
  std::vector<std::string> notes = keep_changed(run, layered.config, changed);
  notes.insert(notes.begin(), "resumed");
  return differentiable ? continue_differentiable(run, layered.config, arguments, notes)
                        : run_in(run, layered.config, arguments, *objects, notes);
}

}  // namespace bnas::cli
