// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace bnas::nas {

/// Pearson correlation of ranks, ties sharing their average rank (Spearman 1904). NaN where undefined: fewer than two
/// values, all values of one side equal, or a NaN among them. internal Error for unequal lengths. O(n log n).
double spearman(std::span<const double> a, std::span<const double> b);

/// Kendall's tau-b (Kendall 1945): (concordant - discordant) / sqrt((pairs - ties in a) (pairs - ties in b)), by
/// counting inversions (Knight 1966). NaN and Error as spearman(). O(n log n).
double kendall_tau_b(std::span<const double> a, std::span<const double> b);

}  // namespace bnas::nas
