// SPDX-License-Identifier: Apache-2.0
#include "differentiable/reduction_rules.hpp"

#include <algorithm>
#include <cmath>

#include "bnas/core/data/epoch_order.hpp"

namespace bnas::nas {
namespace {

std::size_t index(int operation) { return static_cast<std::size_t>(operation); }

/// Random numbers of one edge in part `part` (a pass, a trial) of a round.
RandomKey edge_key(const ReductionConfig& config, int round, int part, std::size_t cell, std::size_t edge) {
  return RandomKey{config.seed, 0, RandomPurpose::sample}
      .derive(static_cast<std::uint64_t>(round))
      .derive(static_cast<std::uint64_t>(part))
      .derive(cell * kCellEdges + edge);
}

}  // namespace

int TrialReduction::tried(int left) const {
  const bool all = config().method == ReductionMethod::cp_nas || (left == 2 && config().try_both_at_two);
  return all ? left : (left + 1) / 2;
}

void TrialReduction::begin_edge(std::size_t cell, std::size_t edge) {
  std::vector<int> order = alive(cell, edge);
  const std::vector<double>& values = alpha(cell, edge);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return values[index(a)] < values[index(b)]; });
  order.resize(index(tried(left())));
  std::sort(order.begin(), order.end());
  tried_[cell][edge] = std::move(order);
  sums_[cell][edge].assign(values.size(), 0.0);
}

int TrialReduction::draw(int trial, std::size_t cell, std::size_t edge) const {
  const std::vector<int>& pool = tried_[cell][edge];
  const int pass = trial / tried(left()), place = trial % tried(left());
  const auto order =
      random_permutation(edge_key(config(), round(), pass, cell, edge), static_cast<std::int64_t>(pool.size()));
  return pool[index(order[index(place)])];
}

void TrialReduction::tell_edge(std::size_t cell, std::size_t edge, int operation, double score) {
  sums_[cell][edge][index(operation)] += score;
}

/// s_small = softmax of the means over the operations that were tried, s_large = (max + mean of s_small) / 2 for the
/// others, and s <- s / 2 + the one that applies; without history (cp_nas) s <- s_small.
void TrialReduction::score_edge(std::size_t cell, std::size_t edge) {
  const std::vector<int>& pool = tried_[cell][edge];
  std::vector<double> small;
  double most = -HUGE_VAL, sum = 0.0;
  for (const int operation : pool) {
    small.push_back(config().score_scale * sums_[cell][edge][index(operation)] / config().passes);
    most = std::max(most, small.back());
  }
  for (double& value : small) {
    value = std::exp(value - most);
    sum += value;
  }
  double largest = 0.0;
  for (double& value : small) {
    value /= sum;
    largest = std::max(largest, value);
  }
  const double large = 0.5 * (largest + 1.0 / static_cast<double>(pool.size()));
  const double history = config().method == ReductionMethod::cp_nas ? 0.0 : 0.5;
  for (const int operation : alive(cell, edge)) {
    const auto found = std::find(pool.begin(), pool.end(), operation);
    double& score = scores(cell, edge)[index(operation)];
    score = history * score + (found == pool.end() ? large : small[static_cast<std::size_t>(found - pool.begin())]);
  }
}

BanditReduction::BanditReduction(const ReductionConfig& config, int operations) : Reduction(config, operations) {
  for (std::size_t cell = 0; cell < trials_.size(); ++cell) {
    values_[cell].fill(std::vector<double>(index(operations), 0.0));
    trials_[cell].fill(std::vector<int>(index(operations), 0));
  }
}

double BanditReduction::bonus(std::size_t cell, std::size_t edge, int operation) const {
  int all = 0;
  for (const int other : alive(cell, edge)) {
    all += trials_[cell][edge][index(other)];
  }
  const int own = trials_[cell][edge][index(operation)];
  return own == 0 ? HUGE_VAL : std::sqrt(2.0 * std::log(static_cast<double>(all)) / own);
}

/// What was never tried comes first; then with probability exp(-s_L) / sum exp(-s_L), s_L = value - bonus.
int BanditReduction::draw(int trial, std::size_t cell, std::size_t edge) const {
  std::vector<int> pool;
  std::vector<double> weights;
  for (const int operation : alive(cell, edge)) {
    if (trials_[cell][edge][index(operation)] == 0) {
      pool.push_back(operation);
      weights.push_back(1.0);
    }
  }
  for (std::size_t i = 0; pool.empty() && i < alive(cell, edge).size(); ++i) {
    const int operation = alive(cell, edge)[i];
    weights.push_back(std::exp(bonus(cell, edge, operation) - values_[cell][edge][index(operation)]));
  }
  const std::vector<int>& from = pool.empty() ? alive(cell, edge) : pool;
  double all = 0.0;
  for (const double weight : weights) {
    all += weight;
  }
  double rest = all * static_cast<double>(edge_key(config(), round(), trial, cell, edge).uniform(0));
  std::size_t chosen = 0;
  while (chosen + 1 < from.size() && rest >= weights[chosen]) {
    rest -= weights[chosen++];
  }
  return from[chosen];
}

void BanditReduction::tell_edge(std::size_t cell, std::size_t edge, int operation, double score) {
  double& value = values_[cell][edge][index(operation)];
  int& trials = trials_[cell][edge][index(operation)];
  const double scaled = config().score_scale * score;
  value = trials == 0 ? scaled : (1.0 - config().value_rate) * value + config().value_rate * scaled;
  ++trials;
}

void BanditReduction::score_edge(std::size_t cell, std::size_t edge) {
  for (const int operation : alive(cell, edge)) {
    scores(cell, edge)[index(operation)] = values_[cell][edge][index(operation)] + bonus(cell, edge, operation);
  }
}

}  // namespace bnas::nas
