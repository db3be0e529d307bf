// SPDX-License-Identifier: Apache-2.0
#include "surrogate/cholesky.hpp"

#include <cmath>
#include <cstddef>

namespace bnas::nas {

bool cholesky(std::span<double> m, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    double* pivot_row = m.data() + k * n;
    if (!(pivot_row[k] > 0.0)) {
      return false;
    }
    const double root = std::sqrt(pivot_row[k]);
    for (std::size_t j = k; j < n; ++j) {
      pivot_row[j] /= root;
    }
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = pivot_row[i];
      double* row = m.data() + i * n;
      for (std::size_t j = i; j < n; ++j) {
        row[j] -= factor * pivot_row[j];
      }
    }
  }
  return true;
}

void solve_lower(std::span<const double> u, std::span<double> b) {
  const std::size_t n = b.size();
  for (std::size_t k = 0; k < n; ++k) {
    b[k] /= u[k * n + k];
    for (std::size_t j = k + 1; j < n; ++j) {
      b[j] -= u[k * n + j] * b[k];
    }
  }
}

void solve_upper(std::span<const double> u, std::span<double> b) {
  const std::size_t n = b.size();
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) {
      b[k] -= u[k * n + j] * b[j];
    }
    b[k] /= u[k * n + k];
  }
}

}  // namespace bnas::nas
