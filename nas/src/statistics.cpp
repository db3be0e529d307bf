// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/statistics.hpp"

#include <cmath>
#include <limits>

#include "bnas/core/error.hpp"

namespace bnas::nas {

Interval wilson_interval(std::int64_t successes, std::int64_t count) {
  check(count > 0 && successes >= 0 && successes <= count, "wilson_interval", "needs 0 to count successes");
  constexpr double kZ = 1.959963984540054;  // the 0.975 quantile of the normal distribution
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(successes) / n;
  const double center = p + kZ * kZ / (2.0 * n);
  const double margin = kZ * std::sqrt(p * (1.0 - p) / n + kZ * kZ / (4.0 * n * n));
  const double scale = 1.0 + kZ * kZ / n;
  // At the ends the bounds are exact; elsewhere rounding cannot reach them.
  return {successes == 0 ? 0.0 : (center - margin) / scale, successes == count ? 1.0 : (center + margin) / scale};
}

Spread spread_of(std::span<const double> values) {
  check(!values.empty(), "spread_of", "no values");
  const auto n = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) {
    sum += value;
  }
  Spread out{sum / n, std::numeric_limits<double>::quiet_NaN()};
  if (values.size() > 1) {
    double squares = 0.0;
    for (const double value : values) {
      squares += (value - out.mean) * (value - out.mean);
    }
    out.deviation = std::sqrt(squares / (n - 1.0));
  }
  return out;
}

}  // namespace bnas::nas
