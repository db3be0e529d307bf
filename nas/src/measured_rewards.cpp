// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/measured_rewards.hpp"

#include <algorithm>
#include <map>

namespace bnas::nas {

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

int whole_epochs(const std::vector<Trial>& trials) {
  int most = 0;
  for (const Trial& t : trials) {
    most = std::max(most, t.budget.epochs);
  }
  return most;
}

}  // namespace bnas::nas
