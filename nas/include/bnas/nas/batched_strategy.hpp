// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bnas/nas/measured_rewards.hpp"
#include "bnas/nas/search_space.hpp"
#include "bnas/nas/strategy.hpp"
#include "bnas/nas/surrogate.hpp"

namespace bnas::nas {

struct StrategyConfig {
  std::string kind = "progressive";  ///< progressive, random, evolution, local-search
  int blocks = 3;                    ///< B, at most the space's
  int children = 64;                 ///< K: cells trained per level from the second on
  std::int64_t first_level_max = 0;  ///< level 1 is a seeded sample of so many cells when it has more; 0: all of it
  bool warm_up = false;              ///< progressive: level 1 has the best by a score instead of a random sample
  double exploration = 0.0;          ///< progressive: share of each beam drawn at random from the candidates
  int halving = 0;                   ///< progressive: successive halving by this factor in later levels; 0: none
  bool largest_only = false;         ///< random: cells of exactly B blocks; otherwise of 1 to B
  int population = 16;               ///< evolution: cells that may have children
  int tournament = 4;                ///< evolution: cells of which the best has a child
  int generation = 4;                ///< evolution, local search: cells proposed at a time
  std::uint64_t seed = 0;
};

/// A proposal and what came of it.
struct Told {
  Proposal proposal;
  TrialStatus status = TrialStatus::done;
  double reward = 0.0;
};

/// The bookkeeping that batch strategies share: what was told, what is asked, and both as JSON. A strategy adds
/// next_batch() and whatever it learns from told(); it keeps no other state, so that restoring is exact.
class BatchedStrategy : public Strategy {
 public:
  std::string name() const final { return config_.kind; }
  std::vector<Proposal> ask() final;
  void tell(std::span<const Trial> trials) final;
  std::string state() const final;
  void restore(std::string_view state) final;
  std::vector<SurrogateQuality> quality() const final { return quality_; }

 protected:
  BatchedStrategy(StrategyConfig config, const SearchSpace& space);

  /// The next batch given told(); empty at the end. Must depend on nothing but configuration and told().
  virtual std::vector<Proposal> next_batch() = 0;
  /// How well the surrogate did, given told() with the batch just measured at its end; nothing without a surrogate.
  virtual std::optional<SurrogateQuality> assess() { return std::nullopt; }
  /// Names the surrogate in the saved configuration.
  virtual std::string surrogate_name() const { return {}; }

  const StrategyConfig& config() const { return config_; }
  const SearchSpace& space() const { return space_; }
  const std::vector<Told>& told() const { return told_; }
  /// Asked but not yet told.
  const std::vector<Proposal>& pending() const { return pending_; }
  /// Trials told, and asked but not yet told.
  std::int64_t known_trials() const { return static_cast<std::int64_t>(told_.size() + pending_.size()); }
  /// Level of the last proposal, told or pending; 0 at the start.
  int last_level() const;
  /// Cells of exactly `blocks` blocks up to isomorphism; the largest number when there are 10^18 or more.
  std::int64_t cells_of_size(int blocks) const;
  /// Trials of the progressive plan on `level`, before any is known: the equal budget of all strategies.
  std::int64_t planned_on_level(int level) const;
  /// Trials of the progressive plan on all levels.
  std::int64_t equal_budget() const;

 private:
  StrategyConfig config_;
  const SearchSpace& space_;  // outlives the strategy
  std::vector<Told> told_;
  std::vector<Proposal> pending_;
  std::vector<SurrogateQuality> quality_;
};

/// Judges a cell without training it; higher is better. A function of the cell alone.
using CellScore = std::function<double(const Genotype&)>;

/// `space` must outlive the strategy. `score` serves warm_up; `earlier`, measured by an earlier search, the surrogate.
/// usage Error for an unknown kind (with the nearest name), values out of range, or a progressive strategy without
/// surrogate.
std::unique_ptr<Strategy> make_strategy(const StrategyConfig& config, const SearchSpace& space,
                                        std::unique_ptr<Surrogate> surrogate, CellScore score = {},
                                        MeasuredRewards earlier = {});

}  // namespace bnas::nas
