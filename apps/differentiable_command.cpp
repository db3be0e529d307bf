// SPDX-License-Identifier: Apache-2.0
#include "differentiable_command.hpp"

#include <fmt/format.h>

#include <thread>

#include "bnas/core/backend.hpp"
#include "bnas/core/data/catalog.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/differentiable/differentiable_search.hpp"
#include "cli/build_info.hpp"
#include "cli/calibration.hpp"
#include "cli/exit_code.hpp"
#include "cli/format.hpp"
#include "cli/log.hpp"
#include "cli/signals.hpp"
#include "cli/strategy_defaults.hpp"
#include "search_objects.hpp"
#include "supernet_monitor.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

/// The search of a configuration with its data.
struct SupernetSearch {
  explicit SupernetSearch(const Config& config) {
    const std::vector<Device> devices = find_devices(config.device);
    if (devices.size() != 1 || config.isolation == "process") {
      throw Error(ErrorKind::usage, fmt::format("strategy {} trains one network: in this process (isolation auto or "
                                                "thread), on one device, not on '{}'",
                                                config.strategy, config.device));
    }
    const TrainValid parts = load_train_valid(make_data_config(config));
    data_record = parts.record;
    data_text = fmt::format("{} {}/{}", config.dataset, parts.train.count(), parts.valid.count());
    device = devices.front();
    search = std::make_unique<nas::DifferentiableSearch>(make_differentiable_config(config), parts.train, parts.valid,
                                                         device);
  }

  std::string data_record;
  std::string data_text;
  Device device;
  std::unique_ptr<nas::DifferentiableSearch> search;
};

/// Passes on requests to stop, from outside or when the time is up.
class StopWatch {
 public:
  explicit StopWatch(double budget)
      : thread_([this, budget](const std::stop_token& ended) {
          const auto start = std::chrono::steady_clock::now();
          while (!ended.stop_requested()) {
            const std::chrono::duration<double> age = std::chrono::steady_clock::now() - start;
            out_of_time_ = budget > 0.0 && age.count() >= budget;
            stop_ = stop_requested() || out_of_time_;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  const std::atomic<bool>& stop() const { return stop_; }
  bool out_of_time() const { return out_of_time_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> out_of_time_{false};
  std::jthread thread_;  // after what it writes
};

void check_fingerprint(nas::TrialStore& store, const SupernetSearch& what, const fs::path& root) {
  const std::string now = what.search->fingerprint();
  const std::string kept = store.meta("fingerprint");
  if (kept.empty()) {
    store.set_meta("program", "bnas_search " + version());
    store.set_meta("split", what.data_record);
    store.set_meta("started", utc_text());
    store.set_meta("units", std::to_string(what.search->ledger().all()));
    store.set_meta("fingerprint", now);
  } else if (kept != now) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: the data or the way of training is not what this run began with\n  then: {}\n  now:  "
                            "{}\nGive it the same data (--data-dir), or start a new run",
                            root.string(), kept, now));
  }
}

void write_result(const RunDirectory& run, const nas::DifferentiableResult& result) {
  const auto write = [&](const char* name, const std::string& text) {
    write_file_atomic(run.best() / name, std::string_view(text));
  };
  write("genotype.txt", result.genotype.text() + "\n");
  write("genotype.dot", nas::draw_dot(result.genotype));
  write("genotype.svg", nas::draw_svg(result.genotype));
  std::string lines;
  for (const std::string& line : result.history) {
    lines += line + "\n";
  }
  write_file_atomic(run.root() / "decisions.jsonl", std::string_view(lines));
}

std::string cell_text(const char* name, const nas::DartsCell& cell) {
  constexpr std::size_t kIndent = 10;
  std::string out = fmt::format("{}\n", name);
  for (std::size_t node = 0; node < cell.size(); ++node) {
    std::string edges;
    for (const nas::DartsEdge& edge : cell[node]) {
      edges += fmt::format("{}{} of {}", edges.empty() ? "" : ", ", edge.operation, edge.source);
    }
    out += fmt::format("  node {}  {}\n", node + nas::kCellInputs, wrapped_list(edges, kIndent));
  }
  return out;
}

std::string cells_text(const nas::DartsGenotype& genotype) {
  return cell_text("Normal cell", genotype.normal) + cell_text("Reduction cell", genotype.reduce);
}

int finish(const RunDirectory& run, const nas::DifferentiableResult& result, SupernetMonitor& monitor, bool json) {
  write_result(run, result);
  monitor.events().write("run_end", {{"reason", "complete"},
                                     {"genotype", result.genotype.text()},
                                     {"seconds", json_number(monitor.seconds())},
                                     {"peak_memory", peak_memory()}});
  if (!json) {
    const std::string best = run.best().string();
    std::fputs(fmt::format("{}\nTime      {}, peak memory {}\nFiles     {}/genotype.txt, .dot, .svg\n          "
                           "{}/decisions.jsonl\n",
                           cells_text(result.genotype), clock_text(monitor.seconds()), bytes_text(peak_memory()), best,
                           run.root().string())
                   .c_str(),
               stdout);
  }
  return kSuccess;
}

int run_in(const RunDirectory& run, const Config& config, const SearchArguments& arguments, SupernetSearch& what,
           const std::vector<std::string>& notes) {
  const auto store = nas::open_sqlite_store(run.store());
  check_fingerprint(*store, what, run.root());
  const std::string title = fmt::format("bnas_search {}  {}  {}  seed {}  {}  {}", version(), config.strategy,
                                        what.data_text, config.seed, what.device.text(), run.root().string());
  std::vector<fs::path> files = {run.log()};
  if (!arguments.log_file.empty()) {
    files.push_back(arguments.log_file);
  }
  SupernetMonitor monitor(*store, what.search->ledger(), {title, arguments.verbosity, arguments.json, files});
  for (const std::string& note : notes) {
    monitor.log().write(LogLevel::info, note);
  }
  monitor.events().write("run_start", {{"run", run.root().string()},
                                       {"version", version()},
                                       {"strategy", config.strategy},
                                       {"dataset", config.dataset},
                                       {"seed", config.seed},
                                       {"device", what.device.text()}});
  const StopWatch watch(config.time_budget);
  nas::DifferentiableContext context;
  context.directory = run.checkpoints() / "supernet";
  context.run_id = run_identity(config);
  context.stop = &watch.stop();
  context.checkpoint_seconds = config.checkpoint_seconds;
  context.on_event = [&](const std::string& line) { monitor.on_event(line); };
  context.on_warning = [&](const std::string& text) { monitor.log().write(LogLevel::warning, text); };
  try {
    const nas::DifferentiableResult result = what.search->run(context);
    store->set_meta("genotype", result.genotype.text());
    return finish(run, result, monitor, arguments.json);
  } catch (const nas::Interrupted&) {
    const bool late = watch.out_of_time() && stop_signal() == 0;
    monitor.events().write("run_end", {{"reason", late ? "out_of_time" : "interrupted"}});
    std::fprintf(stderr, "%s after %s. Resume: bnas_search resume %s%s\n", late ? "Time budget used up" : "Stopped",
                 monitor.progress().c_str(), run.root().c_str(), late ? " --time-budget 0" : "");
    return late ? static_cast<int>(kStoppedEarly) : kSignalBase + std::max(stop_signal(), 1);
  } catch (const DeviceFault& fault) {
    throw Error(ErrorKind::device_fault, fmt::format("{}. The device failed under the search, whose state is safe. "
                                                     "Resume: bnas_search resume {}; if the device stays broken, add "
                                                     "--device cpu or another one",
                                                     fault.what(), run.root().string()));
  }
}

}  // namespace

int start_differentiable(const Config& config, const SearchArguments& arguments) {
  const fs::path root = config.run_dir.empty() ? fresh_run_directory(config.dataset) : fs::path(config.run_dir);
  refuse_taken(root);
  install_stop_signals();
  SupernetSearch what(config);
  const RunDirectory run = RunDirectory::create(root, config_to_toml(config, false));
  return run_in(run, config, arguments, what, {});
}

int continue_differentiable(const RunDirectory& run, const Config& config, const SearchArguments& arguments,
                            const std::vector<std::string>& notes) {
  SupernetSearch what(config);
  return run_in(run, config, arguments, what, notes);
}

int predict_differentiable(const Config& config, bool json) {
  const SupernetSearch what(config);
  const nas::EpochLedger ledger = what.search->ledger();
  const double images = peak_memory();  // of data and program
  const nas::SearchEstimate guess = what.search->estimate();
  if (json) {
    std::puts(json_text({{"v", 1},
                         {"supernet_epochs", ledger.supernet},
                         {"trial_epochs", ledger.trials},
                         {"seconds", guess.seconds},
                         {"memory_bytes", images + guess.bytes}})
                  .c_str());
    return kSuccess;
  }
  std::fputs(
      fmt::format("{} search with a supernet of {} cells, {} channels, operations {}, {}\ndata      {} images for "
                  "training/validation\nepochs    {} of the supernet, {} of single-path networks\ntime      about {}, "
                  "guessed from a few small steps on this machine just now\nmemory    about {}, guessed likewise\n",
                  config.strategy, config.cells, config.channels, config.op_set, config.binarization, what.data_text,
                  ledger.supernet, ledger.trials, about_text(guess.seconds), bytes_text(images + guess.bytes))
          .c_str(),
      stdout);
  return kSuccess;
}

std::string differentiable_status_text(const Json& status) {
  const Json& progress = status.at("progress");
  std::string out =
      fmt::format("epochs    {} of {}\n", progress.at(0).get<std::int64_t>(), progress.at(1).get<std::int64_t>());
  std::string last, left;
  for (const Json& event : status.at("events")) {
    try {
      const std::string text = event_text(event);
      last = is_unit(event) ? text : last;
      left = event.at("event") == "round" ? text : left;
    } catch (const Json::exception&) {  // a damaged line; resume says what is wrong with it
    }
  }
  out += last.empty() ? "" : fmt::format("last      {}\n", last);
  out += left.empty() ? "" : fmt::format("reduction {}\n", left);
  if (const Json& genotype = status.at("genotype"); !genotype.is_null()) {
    out += fmt::format("\n{}", cells_text(nas::DartsGenotype::parse(genotype.get<std::string>())));
  }
  return out;
}

Json differentiable_status(const nas::TrialStore& store) {
  const std::string units = store.meta("units");
  if (units.empty()) {
    return {};
  }
  Json events = Json::array();
  std::int64_t done = 0;
  for (const std::string& line : history_lines(store)) {
    events.push_back(Json::parse(line, nullptr, false));
    done += is_unit(events.back()) ? 1 : 0;
  }
  const std::string genotype = store.meta("genotype");
  return {{"progress", {done, std::strtoll(units.c_str(), nullptr, 10)}},
          {"genotype", genotype.empty() ? Json() : Json(genotype)},
          {"events", std::move(events)}};
}

}  // namespace bnas::cli
