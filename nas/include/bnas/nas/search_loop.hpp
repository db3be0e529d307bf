// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/strategy.hpp"
#include "bnas/nas/trial_store.hpp"

namespace bnas::nas {

/// What the loop reports as it goes; called from one thread at a time.
struct SearchObserver {
  /// Before the batch is stored, so again with the same scores after a kill in between.
  std::function<void(int level, std::span<const ScoredCell>)> on_scores;
  std::function<void(int level, std::int64_t queued)> on_batch;
  std::function<void(const Trial&)> on_start;
  std::function<void(const Trial&, const EpochMetrics&)> on_epoch;
  std::function<void(const Trial&, const std::string&)> on_warning;
  std::function<void(const Trial&)> on_trial;  ///< after the store has it, in finishing order
  std::function<void(const SurrogateQuality&)> on_quality;
};

struct SearchOptions {
  Budget budget;  ///< of every child
  int workers = 1;
  int max_attempts = 3;  ///< per trial, counting the first
  double lease_seconds = 60.0;
  double max_seconds = 0.0;           ///< stop early (resumable) after this; 0: none
  bool retry_failed = false;          ///< give failed trials of the unfinished batch fresh attempts
  std::filesystem::path checkpoints;  ///< child N works in checkpoints/N
};

enum class SearchEnd : std::uint8_t { complete, interrupted, out_of_time, too_many_failures };

/// Runs the search to its end or continues it: everything known comes from the store. One thread per worker.
/// Trials are told to the strategy in generation order after the whole batch is measured. An exception of a trainer is
/// retried up to max_attempts, then `failed`; Interrupted is never a failure. An io Error (full disk), and any Error of
/// the store or the observer, ends the search by that Error after the other children were interrupted.
/// `strategy` must be fresh, in the configuration of the run. The caller holds the run directory: trials found running
/// are taken over.
SearchEnd run_search(Strategy& strategy, ChildTrainer& trainer, TrialStore& store,
                     const std::function<std::string(const Genotype&)>& text, const SearchOptions& options,
                     const SearchObserver& observer, const std::atomic<bool>& stop);

/// More than 30 % of 20 successive trials, or 5 in a row, failed or diverged. Looks at the trials before the first
/// unfinished one, in generation order, so that the answer does not depend on the number of workers.
bool too_many_failures(const std::vector<Trial>& trials);

/// The trial with the best reward over all levels; the lowest id among equals. Id 0 when none is done.
Trial best_trial(const std::vector<Trial>& trials);

}  // namespace bnas::nas
