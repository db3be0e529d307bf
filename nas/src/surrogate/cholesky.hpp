// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace bnas::nas {

/// Factorizes the symmetric positive definite n x n matrix m = u^T u in place: u in the upper triangle, row by row; the
/// lower triangle is not read. False when m is not positive definite; it is then of no use. Sums have a fixed order.
bool cholesky(std::span<double> m, std::size_t n);

/// x with u^T x = b, in place.
void solve_lower(std::span<const double> u, std::span<double> b);
/// x with u x = b, in place.
void solve_upper(std::span<const double> u, std::span<double> b);

}  // namespace bnas::nas
