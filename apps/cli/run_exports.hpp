// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include "bnas/nas/history.hpp"
#include "bnas/nas/surrogate_record.hpp"
#include "bnas/nas/trial_store.hpp"

namespace bnas::cli {

/// What a run writes beside its store for other programs. Every file follows from the store (scores from the strategy),
/// is replaced atomically, and does not depend on the number of workers or on interruptions:
/// train_history.csv, architectures.txt, metrics.json, scores_<b>.csv, surrogate.json (bnas_score restores it), and
/// events/ for TensorBoard: search/ (accuracies by child, correlations by level) and child-<id>/ (curves by epoch).
/// One thread at a time.
class RunExports {
 public:
  /// `space`: null for networks that no search space names, which have no history of cells. `surrogate`: nothing for a
  /// search without; `earlier`: what it is fitted to besides this run.
  RunExports(std::filesystem::path root, const nas::SearchSpace* space, std::optional<nas::SurrogateConfig> surrogate,
             const std::optional<nas::SurrogateRecord>& earlier, const nas::TrialStore& store);

  /// Predictions for all candidates of a level.
  void scores(int level, std::span<const nas::ScoredCell> cells) const;
  /// After a child ended: its events and the history.
  void child(const nas::Trial& trial, const std::vector<nas::Trial>& trials) const;
  /// Everything that the store tells: after a level and at the end.
  void all() const;

 private:
  void history(const std::vector<nas::Trial>& trials) const;
  void write_search_events(const std::vector<nas::Trial>& trials, const std::string& metrics) const;

  std::filesystem::path root_;
  const nas::SearchSpace* space_;
  std::optional<nas::SurrogateConfig> surrogate_;
  nas::MeasuredRewards earlier_;
  const nas::TrialStore& store_;
};

}  // namespace bnas::cli
