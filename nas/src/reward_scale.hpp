// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace bnas::nas {

/// Where the rewards of a run lie. Runs that train differently give equal cells unequal rewards.
struct RewardScale {
  double mean = 0.0;
  double deviation = 0.0;

  static RewardScale of(std::span<const double> rewards) {
    RewardScale scale;
    const auto n = static_cast<double>(rewards.size());
    for (const double reward : rewards) {
      scale.mean += reward / n;
    }
    double squares = 0.0;
    for (const double reward : rewards) {
      squares += (reward - scale.mean) * (reward - scale.mean);
    }
    scale.deviation = n > 0.0 ? std::sqrt(squares / n) : 0.0;
    return scale;
  }

  /// This scale, found from `count` rewards, taken to be like `other`: as if kPrior more rewards lay there.
  RewardScale drawn_to(const RewardScale& other, std::size_t count) const {
    constexpr double kPrior = 8.0;
    const double trust = static_cast<double>(count) / (static_cast<double>(count) + kPrior);
    return {trust * mean + (1.0 - trust) * other.mean, trust * deviation + (1.0 - trust) * other.deviation};
  }

  /// A reward of this scale as it would be on `other`; on its mean where this one has no width.
  double to(const RewardScale& other, double reward) const {
    return other.mean + (deviation > 0.0 ? (reward - mean) / deviation * other.deviation : 0.0);
  }
};

}  // namespace bnas::nas
