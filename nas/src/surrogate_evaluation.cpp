// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/surrogate_evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "bnas/core/error.hpp"
#include "bnas/nas/rank_correlation.hpp"
#include "reward_scale.hpp"

namespace bnas::nas {
namespace {

double spearman_within(std::span<const double> forecast, std::span<const double> outcome,
                       std::span<const std::int32_t> runs) {
  double sum = 0.0;
  double weight = 0.0;
  const std::int32_t last = *std::max_element(runs.begin(), runs.end());
  for (std::int32_t run = 0; run <= last; ++run) {
    std::vector<double> a;
    std::vector<double> b;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (runs[i] == run) {
        a.push_back(forecast[i]);
        b.push_back(outcome[i]);
      }
    }
    if (const double rho = spearman(a, b); !std::isnan(rho)) {
      sum += rho * static_cast<double>(a.size());
      weight += static_cast<double>(a.size());
    }
  }
  return weight > 0.0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
}

/// Rewards of each run are brought to the mean and deviation of all, and predictions back to those of the run.
class RunScales {
 public:
  RunScales(std::span<const double> rewards, std::span<const std::int32_t> runs) : all_(RewardScale::of(rewards)) {
    std::map<std::int32_t, std::vector<double>> parts;
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      parts[runs[i]].push_back(rewards[i]);
    }
    for (const auto& [run, values] : parts) {
      scales_[run] = RewardScale::of(values).drawn_to(all_, values.size());
    }
  }

  double common(double reward, std::int32_t run) const {
    return scales_.size() == 1 ? reward : std::clamp(scales_.at(run).to(all_, reward), 0.0, 1.0);
  }
  double own(double prediction, std::int32_t run) const {
    const auto own = scales_.find(run);
    return scales_.size() == 1 || own == scales_.end() || all_.deviation == 0.0 ? prediction
                                                                                : all_.to(own->second, prediction);
  }

 private:
  RewardScale all_;
  std::map<std::int32_t, RewardScale> scales_;
};

}  // namespace

std::vector<Extrapolation> extrapolate(Surrogate& surrogate, const SearchSpace& space, const MeasuredCells& measured) {
  const std::size_t n = measured.cells.size();
  check(measured.rewards.size() == n && measured.runs.size() == n, "extrapolate", "one reward and run for each cell");
  std::vector<Extrapolation> levels;
  for (int level = 2; level <= space.config().blocks; ++level) {
    std::vector<std::vector<std::int32_t>> seen;
    std::vector<double> seen_rewards;
    std::vector<std::int32_t> seen_runs;
    std::vector<std::vector<std::int32_t>> next;
    std::vector<double> outcome;
    std::vector<std::int32_t> runs;
    for (std::size_t i = 0; i < n; ++i) {
      const auto blocks = static_cast<int>(measured.cells[i].blocks.size());
      if (blocks < level) {
        seen.push_back(space.tokens(measured.cells[i]));
        seen_rewards.push_back(measured.rewards[i]);
        seen_runs.push_back(measured.runs[i]);
      } else if (blocks == level) {
        next.push_back(space.tokens(measured.cells[i]));
        outcome.push_back(measured.rewards[i]);
        runs.push_back(measured.runs[i]);
      }
    }
    if (seen.empty() || next.empty()) {
      continue;
    }
    const RunScales scales(seen_rewards, seen_runs);
    for (std::size_t i = 0; i < seen_rewards.size(); ++i) {
      seen_rewards[i] = scales.common(seen_rewards[i], seen_runs[i]);
    }
    surrogate.fit(seen, seen_rewards);
    std::vector<double> forecast;
    for (const Prediction& p : surrogate.predict(next)) {
      forecast.push_back(scales.own(p.mean, runs[forecast.size()]));
    }
    levels.push_back({level, static_cast<std::int64_t>(seen.size()), static_cast<std::int64_t>(next.size()),
                      spearman(forecast, outcome), spearman_within(forecast, outcome, runs)});
  }
  return levels;
}

}  // namespace bnas::nas
