// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace bnas::nas {

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// The 95 % confidence interval of a proportion, `successes` of `count` > 0 (Wilson 1927): it stays within [0, 1] and
/// is never empty, also where all or none succeed.
Interval wilson_interval(std::int64_t successes, std::int64_t count);

struct Spread {
  double mean = 0.0;
  double deviation = 0.0;  ///< of the sample, n - 1 in the divisor; NaN of fewer than two values
};

/// Of at least one value.
Spread spread_of(std::span<const double> values);

}  // namespace bnas::nas
