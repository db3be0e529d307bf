// SPDX-License-Identifier: Apache-2.0
// The one agreed floating-point form of batch normalization, so that every device finds the same signs.
#pragma once

#include <cmath>
#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas {

/// Mean and biased variance from the sums of n values (exact where they are integers); in double, rounded once.
struct Moments {
  float mean;
  float variance;
};

BNAS_HD inline Moments moments_from_sums(double sum, double sum_of_squares, std::int64_t n) {
  const double mean = sum / static_cast<double>(n);
  const double variance = sum_of_squares / static_cast<double>(n) - mean * mean;
  // Rounding can take a variance of 0 below 0; NaN stays NaN, so that divergence shows.
  return {static_cast<float>(mean), static_cast<float>(variance < 0.0 ? 0.0 : variance)};
}
BNAS_HD inline Moments moments_from_sums(std::int64_t sum, std::int64_t sum_of_squares, std::int64_t n) {
  return moments_from_sums(static_cast<double>(sum), static_cast<double>(sum_of_squares), n);
}

/// n / (n - 1), which makes the biased variance of n values unbiased; one value has variance 0, biased or not.
BNAS_HD inline float unbiased_factor(std::int64_t n) {
  return n > 1 ? static_cast<float>(static_cast<double>(n) / static_cast<double>(n - 1)) : 1.0F;
}

/// A running statistic after a batch.
BNAS_HD inline float moving_average(float running, float momentum, float batch) {
  return momentum * running + (1.0F - momentum) * batch;
}

/// 1 / sqrt(variance + eps), in double, rounded once.
BNAS_HD inline float reciprocal_std(float variance, float eps) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance) + static_cast<double>(eps)));
}

/// y = fma(x - mean, gamma * rstd, beta); `scale` is gamma * rstd rounded to float.
BNAS_HD inline float batch_norm_affine(float x, float mean, float scale, float beta) {
  return std::fma(x - mean, scale, beta);
}

}  // namespace bnas
