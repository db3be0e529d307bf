// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/batched_strategy.hpp"

namespace bnas::nas {

/// Random search: as many distinct cells as the progressive plan trains, drawn before the first result. Batches are
/// ordered by size only so that levels mean the same in every history.
class RandomStrategy final : public BatchedStrategy {
 public:
  RandomStrategy(StrategyConfig config, const SearchSpace& space);
  std::int64_t planned_trials() const override { return static_cast<std::int64_t>(cells_.size()); }

 protected:
  std::vector<Proposal> next_batch() override;

 private:
  std::vector<Genotype> cells_;  // ascending in size, within a size in the order drawn
};

}  // namespace bnas::nas
