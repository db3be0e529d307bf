// SPDX-License-Identifier: Apache-2.0
// bnas_train: one cell, trained alone. A training is a run whose strategy asks for the same cell again and again, so
// that it has a search's store, locks, workers, checkpoints and signals.
#include "train_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "cli/build_info.hpp"
#include "cli/curve.hpp"
#include "cli/exit_code.hpp"
#include "cli/signals.hpp"
#include "run_session.hpp"
#include "train_cell.hpp"
#include "train_report.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

const ProgramName kName{"bnas_train", "bnas_train --resume"};

/// Per repeat: two generations of weights and three optimizer slots, best and last weights; twice that, and the store.
double disk_needed(const Config& config, const SearchObjects& objects) {
  const nas::NetworkCost cost = objects.task->cost(objects.given());
  const double weights = 4.0 * static_cast<double>(cost.binary_weights + cost.real_weights);
  constexpr double kStore = 64.0 * 1024.0 * 1024.0;
  return 2.0 * weights * 12.0 * static_cast<double>(config.repeats) + kStore;
}

/// Weights of every repeat and its accuracy on the test images, measured when the store does not have it.
TrainingResult measure(const RunDirectory& run, const Config& config, const SearchObjects& objects,
                       const ChildWorkers& workers, nas::TrialStore& store) {
  TrainingResult result;
  result.run = run.root().string();
  result.hold_out = config.hold_out;
  const std::vector<nas::Trial> all = store.trials();
  const std::int64_t best = nas::best_trial(all).id;
  for (const nas::Trial& trial : all) {
    if (trial.status != nas::TrialStatus::done) {
      continue;
    }
    const std::string key = fmt::format("test_accuracy.{}", trial.id);
    std::string accuracy = store.meta(key);
    if (accuracy.empty()) {
      const fs::path out = trial.id == best ? run.best() : run.best() / fmt::format("repeat-{}", trial.id);
      accuracy = fmt::format("{}", workers.finish(trial, run.checkpoints() / std::to_string(trial.id), out));
      store.set_meta(key, accuracy);
    }
    result.best = trial.id == best ? result.trials.size() : result.best;
    result.trials.push_back(trial);
    result.trials.back().cost = objects.task->cost(trial.genotype);
    result.test_accuracy.push_back(std::strtod(accuracy.c_str(), nullptr));
  }
  if (result.trials.empty()) {
    return result;
  }
  std::string count = store.meta("test_images");
  if (count.empty()) {
    count = std::to_string(load_test(objects.data).count());
    store.set_meta("test_images", count);
    store.set_meta("test_accuracy", fmt::format("{}", result.test_accuracy[result.best]));
    write_file_atomic(run.best() / "architecture.txt", std::string_view(config.genotype + "\n"));
  }
  result.test_images = std::strtoll(count.c_str(), nullptr, 10);
  return result;
}

int report_end(nas::SearchEnd end, SearchMonitor& monitor, const RunDirectory& run, const TrainingResult& result,
               bool json) {
  monitor.close();
  const std::string resume = fmt::format("{} {}", kName.resume, run.root().string());
  const auto leave = [&](const char* reason, const std::string& message, int code) {
    Json fields = training_fields(result);
    fields["reason"] = reason;
    monitor.events().write("run_end", fields);
    if (!message.empty()) {
      std::fprintf(stderr, "%s\n", message.c_str());
    }
    return code;
  };
  switch (end) {
    case nas::SearchEnd::interrupted:
      return leave("interrupted", "Stopped. Resume: " + resume, kSignalBase + std::max(stop_signal(), 1));
    case nas::SearchEnd::out_of_time:
      return leave("out_of_time", fmt::format("Time budget used up. Resume: {} --time-budget 0", resume),
                   kStoppedEarly);
    case nas::SearchEnd::too_many_failures:
    case nas::SearchEnd::complete:
      break;
  }
  if (result.trials.empty()) {
    return leave("failed", "No training ended well; see " + run.log().string(), kSearchFailed);
  }
  if (!json) {
    const Terminal terminal = Terminal::detect(stdout);
    std::fputs(training_text(result, terminal, std::min(terminal.width(stdout), 79)).c_str(), stdout);
  }
  return leave("complete", "", kSuccess);
}

int run_in(RunDirectory& run, const Config& config, const TrainArguments& arguments, SearchObjects& objects,
           const std::vector<std::string>& notes) {
  require_free_space(run.root(), disk_needed(config, objects));
  const auto store = nas::open_sqlite_store(run.store());
  check_fingerprint(*store, objects, run.root(), kName);
  const ChildWorkers workers = make_child_workers(config, objects, run);
  const std::string what =
      objects.space ? config.genotype : fmt::format("{}'s genotype, {}", config.strategy, config.binarization);
  const std::string title = fmt::format("bnas_train {}  {}  {}  seed {}  {}  {}", version(), what, objects.data_text,
                                        config.seed, objects.device_text, run.root().string());
  SearchMonitor monitor({.root = run.root(),
                         .title = title,
                         .levels = 1,
                         .workers = workers.at_once,
                         .resume = kName.resume,
                         .verbosity = arguments.verbosity,
                         .json = arguments.json,
                         .log_file = arguments.log_file,
                         .surrogate = {},
                         .earlier = {}},
                        objects.space ? &*objects.space : nullptr, *objects.task, *objects.strategy, *store);
  monitor.log().write(LogLevel::info, title + "  " + workers.description);
  for (const std::string& note : notes) {
    monitor.log().write(LogLevel::info, note);
  }
  monitor.events().write("run_start", {{"run", run.root().string()},
                                       {"version", version()},
                                       {"cell", config.genotype},
                                       {"dataset", config.dataset},
                                       {"seed", config.seed},
                                       {"device", objects.device_text},
                                       {"repeats", config.repeats},
                                       {"epochs", config.epochs}});
  const nas::SearchEnd end = run_trials(config, objects, workers, *store, monitor, run, kName);
  monitor.exports().all();
  write_file_atomic(run.root() / "curve.csv", std::string_view(curve_csv(store->trials())));
  const bool ended = end == nas::SearchEnd::complete || end == nas::SearchEnd::too_many_failures;
  return report_end(end, monitor, run, ended ? measure(run, config, objects, workers, *store) : TrainingResult{},
                    arguments.json);
}

int resume_training(const TrainArguments& arguments) {
  RunDirectory run = RunDirectory::open(arguments.resume);
  std::vector<std::string> changed;
  const Config config = layer_resume(run.root(), arguments.flags, environment, changed).config;
  if (config.genotype.empty()) {
    throw Error(ErrorKind::usage, fmt::format("{0} is a search; continue it with bnas_search resume {0}, or train its "
                                              "best cell with bnas_train --best {0}",
                                              run.root().string()));
  }
  if (arguments.print_config) {
    std::fputs(config_to_toml(config, true).c_str(), stdout);
    return kSuccess;
  }
  install_stop_signals();
  SearchObjects objects(config);
  objects.task->require_start(objects.given());  // refused before a run directory is made or touched
  std::vector<std::string> notes = keep_changed(run, config, changed);
  notes.insert(notes.begin(), "resumed");
  return run_in(run, config, arguments, objects, notes);
}

}  // namespace

int run_train_command(const TrainArguments& arguments) {
  if (!arguments.resume.empty()) {
    return resume_training(arguments);
  }
  const Config config = new_training(arguments);
  if (arguments.print_config) {
    std::fputs(config_to_toml(config, true).c_str(), stdout);
    return kSuccess;
  }
  const fs::path root =
      config.run_dir.empty() ? fresh_run_directory(config.dataset + "-train") : fs::path(config.run_dir);
  refuse_taken(root, kName.resume);
  install_stop_signals();
  SearchObjects objects(config);
  objects.task->require_start(objects.given());  // refused before a run directory is made or touched
  RunDirectory run = RunDirectory::create(root, config_to_toml(config, false));
  return run_in(run, config, arguments, objects, {});
}

}  // namespace bnas::cli
