// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/differentiable/reduction.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {

/// bnas and cp_nas. Each pass of a round tries every operation under trial once, in an order of its own on every edge;
/// an operation's score is the softmax of its mean over the passes.
class TrialReduction final : public Reduction {
 public:
  using Reduction::Reduction;
  int planned_trials(int left) const override { return config().passes * tried(left); }

 protected:
  int draw(int trial, std::size_t cell, std::size_t edge) const override;
  void begin_edge(std::size_t cell, std::size_t edge) override;
  void tell_edge(std::size_t cell, std::size_t edge, int operation, double score) override;
  void score_edge(std::size_t cell, std::size_t edge) override;

 private:
  /// Operations that a round tries of `left`.
  int tried(int left) const;

  Alive tried_;           // those with the smallest alpha
  OperationScores sums_;  // of a round's scores
};

/// abandit: an operation has a value and a number of trials over the whole search.
class BanditReduction final : public Reduction {
 public:
  BanditReduction(const ReductionConfig& config, int operations);
  int planned_trials(int left) const override { return config().passes * left; }

 protected:
  int draw(int trial, std::size_t cell, std::size_t edge) const override;
  void begin_edge(std::size_t, std::size_t) override {}
  void tell_edge(std::size_t cell, std::size_t edge, int operation, double score) override;
  void score_edge(std::size_t cell, std::size_t edge) override;

 private:
  /// sqrt(2 ln N / n) of an operation that was tried n times of N on its edge.
  double bonus(std::size_t cell, std::size_t edge, int operation) const;

  OperationScores values_;
  std::array<std::array<std::vector<int>, kCellEdges>, 2> trials_;
};

class AlphaReduction final : public Reduction {
 public:
  using Reduction::Reduction;
  int planned_trials(int /*left*/) const override { return 0; }

 protected:
  int draw(int, std::size_t, std::size_t) const override { return 0; }
  void begin_edge(std::size_t, std::size_t) override {}
  void tell_edge(std::size_t, std::size_t, int, double) override {}
  void score_edge(std::size_t cell, std::size_t edge) override { scores(cell, edge) = alpha(cell, edge); }
};

}  // namespace bnas::nas
