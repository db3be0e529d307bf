// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "bnas/nas/batched_strategy.hpp"

namespace bnas::nas {

/// Regularized evolution (Real et al. 2019, algorithm 1) at the budget of the progressive plan: a random population,
/// then children of the best of `tournament` cells drawn from the `population` youngest; the oldest die. A mutation
/// changes an operation or an input, or adds or drops a block; where all such children are known, a random cell takes
/// the place of one. `generation` children are born at a time, so that they can be trained side by side.
class EvolutionStrategy final : public BatchedStrategy {
 public:
  EvolutionStrategy(StrategyConfig config, const SearchSpace& space);
  std::int64_t planned_trials() const override { return planned_; }

 protected:
  std::vector<Proposal> next_batch() override;

 private:
  Genotype tournament_winner(const RandomKey& key) const;
  std::optional<Genotype> child_of(const Genotype& parent, const std::set<Genotype>& seen, const RandomKey& key) const;

  std::int64_t planned_ = 0;
};

}  // namespace bnas::nas
