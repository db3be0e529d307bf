// SPDX-License-Identifier: Apache-2.0
#include "cli/eta.hpp"

#include <algorithm>
#include <cmath>

namespace bnas::cli {

EtaModel::Line EtaModel::fit() const {
  const auto n = static_cast<double>(samples_.size());
  double mean_x = 0.0;
  double mean_y = 0.0;
  for (const auto& [x, y] : samples_) {
    mean_x += x / n;
    mean_y += y / n;
  }
  double sxx = 0.0;
  double sxy = 0.0;
  for (const auto& [x, y] : samples_) {
    sxx += (x - mean_x) * (x - mean_x);
    sxy += (x - mean_x) * (y - mean_y);
  }
  Line line;
  line.slope = samples_.size() >= 3 && sxx > 0.0 ? std::max(0.0, sxy / sxx) : 0.0;
  line.offset = mean_y - line.slope * mean_x;
  if (line.offset < 0.0) {  // then the best line with offset 0 goes through the mean
    line.offset = 0.0;
    line.slope = mean_x > 0.0 ? mean_y / mean_x : 0.0;
  }
  double squares = 0.0;
  for (const auto& [x, y] : samples_) {
    const double residual = y - line.offset - line.slope * x;
    squares += residual * residual;
  }
  line.spread = samples_.size() >= 3 ? std::sqrt(squares / (n - 2.0)) : 0.3 * mean_y;
  return line;
}

std::optional<double> EtaModel::child_seconds(double macs) const {
  if (samples_.empty()) {
    return std::nullopt;
  }
  const Line line = fit();
  return line.offset + line.slope * macs;
}

std::optional<Eta> EtaModel::remaining(const RemainingWork& work) const {
  if (samples_.empty()) {
    return std::nullopt;
  }
  const Line line = fit();
  double seconds = work.unknown_children * (line.offset + line.slope * work.unknown_macs);
  for (const double macs : work.known_macs) {
    seconds += line.offset + line.slope * macs;
  }
  // The children's own scatter adds up as a root, the error of the fitted mean in full.
  const double children = work.unknown_children + static_cast<double>(work.known_macs.size());
  const double deviation =
      line.spread * std::sqrt(children + children * children / static_cast<double>(samples_.size()));
  constexpr double kEightyPercent = 1.2816;
  const double workers = std::max(1, work.workers);
  return Eta{seconds / workers, std::max(0.0, seconds - kEightyPercent * deviation) / workers,
             (seconds + kEightyPercent * deviation) / workers};
}

}  // namespace bnas::cli
