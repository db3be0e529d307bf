// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/batched_strategy.hpp"

namespace bnas::nas {

/// Local search (White et al. 2021) at the budget of the progressive plan: from the best of `generation` random cells
/// to the best of its neighbours, `generation` of them at a time, as long as one is better; after the last neighbour it
/// starts anew. A neighbour differs in one operation or one input.
class LocalSearchStrategy final : public BatchedStrategy {
 public:
  LocalSearchStrategy(StrategyConfig config, const SearchSpace& space);
  std::int64_t planned_trials() const override { return planned_; }

 protected:
  std::vector<Proposal> next_batch() override;

 private:
  std::int64_t planned_ = 0;
};

}  // namespace bnas::nas
