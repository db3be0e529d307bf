// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "bnas/nas/child_task.hpp"
#include "bnas/nas/search_loop.hpp"
#include "bnas/nas/search_space.hpp"
#include "cli/display.hpp"
#include "cli/events.hpp"
#include "cli/log.hpp"
#include "cli/run_exports.hpp"

namespace bnas::cli {

/// What a running search shows and writes beside its store: display, log, events, exports. The observer's calls come
/// from one thread at a time; the display reads from its own.
class SearchMonitor {
 public:
  struct Settings {
    std::filesystem::path root;
    std::string title;
    int levels = 1;
    int workers = 1;
    std::string resume = "bnas_search resume";  ///< the program and command that goes on with the run
    int verbosity = 0;
    bool json = false;
    std::filesystem::path log_file;  ///< besides the run's own; may be empty
    std::optional<nas::SurrogateConfig> surrogate;
    std::optional<nas::SurrogateRecord> earlier;  ///< that it is fitted to as well
  };

  /// `space`: null where no search space names what is trained.
  SearchMonitor(Settings settings, const nas::SearchSpace* space, const nas::ChildTask& task,
                const nas::Strategy& strategy, const nas::TrialStore& store);

  nas::SearchObserver observer();
  EventWriter& events() { return events_; }
  const RunExports& exports() const { return exports_; }
  Log& log() { return log_; }
  /// Ends the display. The monitor still logs.
  void close() { display_.close(); }

 private:
  void on_batch(int level, std::int64_t queued);
  void on_start(const nas::Trial& trial);
  void on_epoch(const nas::Trial& trial, const nas::EpochMetrics& metrics);
  void on_warning(const nas::Trial& trial, const std::string& text);
  void on_trial(const nas::Trial& trial);
  void on_quality(const nas::SurrogateQuality& quality);

  void recount();                       // from trials_; mutex_ held
  ProgressSnapshot snapshot();          // takes mutex_
  std::optional<Eta> estimate() const;  // mutex_ held

  const Settings settings_;
  const nas::ChildTask& task_;
  const nas::Strategy& strategy_;
  const nas::TrialStore& store_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

  mutable std::mutex mutex_;
  ProgressSnapshot state_;
  std::map<std::int64_t, nas::Trial> trials_;  // all that are known, with their costs
  std::map<std::int64_t, RunningChild> running_;
  EtaModel eta_;

  RunExports exports_;
  EventWriter events_;
  Display display_;  // after what its thread reads
  Log log_;
};

}  // namespace bnas::cli
