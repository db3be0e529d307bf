// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/nas/trial.hpp"

namespace bnas::nas {

/// A cell that a strategy wants measured.
struct Proposal {
  Genotype genotype;  ///< canonical; a search proposes none twice with the same effort
  int level = 1;
  std::optional<double> predicted;
  double effort = 1.0;  ///< share of the epochs of a whole training, in (0, 1]
};

/// A cell and what a surrogate says of it.
struct ScoredCell {
  Genotype genotype;
  double score = 0.0;
};

/// How well the surrogate did on one level; NaN where undefined (fewer than two distinct values).
struct SurrogateQuality {
  int level = 0;              ///< level whose trials were just measured
  double fit_spearman = 0.0;  ///< refitted surrogate on everything measured so far
  double fit_kendall = 0.0;
  double extrapolation_spearman = 0.0;  ///< predictions made before this level was measured; NaN for level 1
  double extrapolation_kendall = 0.0;
};

/// Decides what to measure next. Knows no file, device or clock. A batch is a barrier: ask, measure all, tell all in
/// the order asked. Hence the history does not depend on the number of workers.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual std::string name() const = 0;
  /// The next batch; empty when the search is over.
  virtual std::vector<Proposal> ask() = 0;
  /// Results of the whole last batch in its order. Diverged and failed trials take part with reward 0 and are left out
  /// of surrogate fits.
  virtual void tell(std::span<const Trial> trials) = 0;
  /// Everything needed to go on, as JSON text; restore() takes it back into a strategy of the same configuration.
  virtual std::string state() const = 0;
  virtual void restore(std::string_view state) = 0;
  /// Trials that this strategy will ask for in all, as far as known now; for progress and ETA.
  virtual std::int64_t planned_trials() const = 0;
  virtual std::vector<SurrogateQuality> quality() const { return {}; }
  /// Predictions for every candidate that the last ask() chose from, in generation order; empty where nothing was
  /// predicted, and after restore().
  virtual std::span<const ScoredCell> scores() const { return {}; }
};

}  // namespace bnas::nas
