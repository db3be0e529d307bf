// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/measured_rewards.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "reward_scale.hpp"

namespace bnas::nas {
namespace {

std::vector<double> one_block_rewards(const MeasuredRewards& measured) {
  std::vector<double> rewards;
  for (std::size_t i = 0; i < measured.cells.size(); ++i) {
    if (measured.cells[i].blocks.size() == 1) {
      rewards.push_back(measured.rewards[i]);
    }
  }
  return rewards;
}

}  // namespace

MeasuredRewards comparable_rewards(std::span<const Measurement> measurements) {
  std::map<Genotype, double> whole;
  for (const Measurement& m : measurements) {
    if (m.whole) {
      whole[*m.cell] = m.reward;
    }
  }
  std::map<int, std::pair<double, int>> gains;  // per level: sum, count
  for (const Measurement& m : measurements) {
    if (const auto at = whole.find(*m.cell); !m.whole && at != whole.end()) {
      gains[m.level].first += at->second - m.reward;
      ++gains[m.level].second;
    }
  }
  MeasuredRewards out;
  for (const Measurement& m : measurements) {
    if (!m.whole && whole.contains(*m.cell)) {
      continue;
    }
    const auto gain = gains.find(m.level);
    const double more = m.whole || gain == gains.end() ? 0.0 : gain->second.first / gain->second.second;
    out.cells.push_back(*m.cell);
    out.rewards.push_back(m.whole ? m.reward : std::clamp(m.reward + more, 0.0, 1.0));
  }
  return out;
}

MeasuredRewards with_earlier(MeasuredRewards own, const MeasuredRewards& earlier) {
  std::vector<double> here = one_block_rewards(own);
  std::vector<double> there = one_block_rewards(earlier);
  if (here.empty() || there.empty()) {
    here = own.rewards;
    there = earlier.rewards;
  }
  const RewardScale from = RewardScale::of(there);
  const RewardScale to = RewardScale::of(here).drawn_to(from, here.size());
  const std::set<Genotype> known(own.cells.begin(), own.cells.end());
  for (std::size_t i = 0; i < earlier.cells.size(); ++i) {
    if (!known.contains(earlier.cells[i])) {
      own.cells.push_back(earlier.cells[i]);
      own.rewards.push_back(std::clamp(from.to(to, earlier.rewards[i]), 0.0, 1.0));
    }
  }
  return own;
}

int whole_epochs(const std::vector<Trial>& trials) {
  int most = 0;
  for (const Trial& t : trials) {
    most = std::max(most, t.budget.epochs);
  }
  return most;
}

}  // namespace bnas::nas
