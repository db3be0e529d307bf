// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace bnas::cli {

/// Seconds until the end: the middle of what is expected and an 80 % interval.
struct Eta {
  double seconds = 0.0;
  double low = 0.0;
  double high = 0.0;
};

/// What is left: multiply counts of the children that are known, less what they have done, and children yet unknown.
struct RemainingWork {
  std::vector<double> known_macs;
  double unknown_children = 0.0;
  double unknown_macs = 0.0;  ///< expected of one of them
  int workers = 1;
};

/// Predicts the time of a child as a + b * multiplies from the children measured so far, by least squares with a and b
/// at least 0. A value; not thread-safe.
class EtaModel {
 public:
  void add(double macs, double seconds) { samples_.emplace_back(macs, seconds); }
  std::size_t samples() const { return samples_.size(); }
  /// Seconds of a child; nothing before the first sample.
  std::optional<double> child_seconds(double macs) const;
  std::optional<Eta> remaining(const RemainingWork& work) const;

 private:
  struct Line {
    double offset = 0.0;
    double slope = 0.0;
    double spread = 0.0;  // standard deviation of the residuals
  };
  Line fit() const;

  std::vector<std::pair<double, double>> samples_;
};

}  // namespace bnas::cli
