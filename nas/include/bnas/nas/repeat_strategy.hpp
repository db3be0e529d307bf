// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/strategy.hpp"

namespace bnas::nas {

/// Searches nothing: one network, measured several times. Its trials differ in their random numbers alone.
class RepeatStrategy final : public Strategy {
 public:
  /// `genotype`: canonical, or without blocks for a network that no search space names. usage Error for fewer than one
  /// repeat.
  RepeatStrategy(Genotype genotype, int repeats);

  std::string name() const override { return "repeat"; }
  std::vector<Proposal> ask() override;
  void tell(std::span<const Trial> trials) override;
  std::string state() const override;
  void restore(std::string_view state) override;
  std::int64_t planned_trials() const override { return repeats_; }

 private:
  Genotype genotype_;
  int repeats_;
  bool asked_ = false;
};

}  // namespace bnas::nas
