// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "bnas/nas/differentiable/search_config.hpp"
#include "bnas/nas/trial_store.hpp"
#include "cli/events.hpp"
#include "cli/log.hpp"

namespace bnas::cli {

/// The events of a differentiable search as its store has them, a line of JSON each.
std::vector<std::string> history_lines(const nas::TrialStore& store);
/// Whether an event ends a unit of the ledger: an epoch of the supernet, or a trial.
bool is_unit(const Json& event);

/// What an event says, in at most 60 columns. Throws Json::exception where fields are missing.
std::string event_text(const Json& event);

/// Writes the events of a differentiable search to its store, log, stdout (with --json) and screen. One thread.
class SupernetMonitor {
 public:
  struct Settings {
    std::string title;
    int verbosity = 0;
    bool json = false;
    std::vector<std::filesystem::path> log_files;
  };

  SupernetMonitor(nas::TrialStore& store, nas::EpochLedger ledger, Settings settings);

  /// The next event of the search, or again one that the store has: another there is a bad_data Error.
  void on_event(const std::string& line);
  EventWriter& events() { return events_; }
  Log& log() { return log_; }
  double seconds() const;        ///< of this process
  std::string progress() const;  ///< "12 of 69 epochs"

 private:
  void show(const Json& event);
  std::string left() const;

  nas::TrialStore& store_;
  const nas::EpochLedger ledger_;
  const Settings settings_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = started_;

  std::vector<std::string> stored_;
  std::size_t seen_ = 0;
  int supernet_ = 0, trials_ = 0;                        // units so far
  int supernet_here_ = 0, trials_here_ = 0;              // of this process
  double supernet_seconds_ = 0.0, trial_seconds_ = 0.0;  // that they took
  EventWriter events_;
  Log log_;
};

}  // namespace bnas::cli
