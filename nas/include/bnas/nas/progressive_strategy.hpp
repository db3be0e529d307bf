// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/batched_strategy.hpp"
#include "bnas/nas/measured_rewards.hpp"

namespace bnas::nas {

/// Progressive search (Liu et al. 2018, Algorithm 1): level 1 is every one-block cell; level b the best-predicted K of
/// all one-block extensions of the cells measured on level b-1. Ties go to the smaller cell in canonical order.
/// With `halving` n, as many epochs are spent on a level from the second on, but in two rungs (Jamieson and Talwalkar
/// 2016): K n / 2 cells train for 1 / n of the epochs, then the best 1 / n of those anew for all, and only these grow.
/// Where level 1 has more cells than it may train, they are drawn, or those of the best `score` (Abdelfattah et al.
/// 2021 call it warm-up).
/// What an earlier search measured in the same space may come along: the surrogate is fitted to it too (see
/// with_earlier()), and predicts level 1 already, whose cells are chosen as without.
class ProgressiveStrategy final : public BatchedStrategy {
 public:
  ProgressiveStrategy(StrategyConfig config, const SearchSpace& space, std::unique_ptr<Surrogate> surrogate,
                      CellScore score = {}, MeasuredRewards earlier = {});
  std::int64_t planned_trials() const override;
  std::span<const ScoredCell> scores() const override { return scores_; }

 protected:
  std::vector<Proposal> next_batch() override;
  std::optional<SurrogateQuality> assess() override;
  std::string surrogate_name() const override;

 private:
  void fit_to_measured();
  MeasuredRewards measured() const;
  std::vector<double> predict(std::span<const Genotype> cells) const;
  std::vector<Genotype> first_level() const;
  std::size_t first_rung() const;
  std::size_t second_rung(std::size_t first) const;
  std::vector<Proposal> promoted() const;
  std::vector<Genotype> best_scored(std::vector<Genotype> cells, std::size_t count) const;
  std::vector<Genotype> extensions(int level) const;

  std::unique_ptr<Surrogate> surrogate_;
  CellScore score_;
  MeasuredRewards earlier_;
  std::optional<std::size_t> fitted_;  // told trials when last fitted
  std::vector<ScoredCell> scores_;
};

}  // namespace bnas::nas
