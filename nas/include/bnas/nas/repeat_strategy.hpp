// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/batched_strategy.hpp"

namespace bnas::nas {

/// Searches nothing: one cell, measured several times. Its trials differ in their random numbers alone.
class RepeatStrategy final : public BatchedStrategy {
 public:
  /// usage Error for a cell outside the space or fewer than one repeat.
  RepeatStrategy(const Genotype& genotype, int repeats, const SearchSpace& space);
  std::int64_t planned_trials() const override { return config().children; }

 protected:
  std::vector<Proposal> next_batch() override;

 private:
  Genotype genotype_;
};

}  // namespace bnas::nas
