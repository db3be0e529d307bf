// SPDX-License-Identifier: Apache-2.0
// Batch norm on the host, written from the formulas with plain loops.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "bnas/cuda/batch_norm.hpp"
#include "cuda/support/random_values.hpp"

namespace bnas::cuda::test {

template <class T>
constexpr NumberType number_type() {
  return std::is_same_v<T, float>          ? NumberType::f32
         : std::is_same_v<T, std::int8_t>  ? NumberType::i8
         : std::is_same_v<T, std::int16_t> ? NumberType::i16
                                           : NumberType::i32;
}

/// Values that a convolution may give: i8 up to its ends, larger types beyond it.
template <class T>
std::vector<T> norm_input(std::size_t n, std::uint64_t site) {
  if constexpr (std::is_same_v<T, float>) {
    return random_floats(n, site, 2.0F);
  } else {
    return random_integers<T>(n, site, sizeof(T) == 1 ? 127 : sizeof(T) == 2 ? 30000 : 200000);
  }
}

struct HostMoments {
  std::vector<std::int64_t> sums;  // of integers: of x, then of x^2
  std::vector<float> mean, variance;
};

/// mean = S1 / n and variance = S2 / n - mean^2 of sums that are exact for integers, in double; rounded once.
template <class T>
HostMoments moments_oracle(const std::vector<T>& x, std::size_t channels) {
  using Sum = std::conditional_t<std::is_same_v<T, float>, double, std::int64_t>;
  std::vector<Sum> sums(2 * channels, Sum{0});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<Sum>(x[i]);
    sums[i % channels] += v;
    sums[channels + i % channels] += v * v;
  }
  HostMoments moments;
  const auto n = static_cast<double>(x.size() / channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = static_cast<double>(sums[c]) / n;
    const double variance = static_cast<double>(sums[channels + c]) / n - mean * mean;
    moments.mean.push_back(static_cast<float>(mean));
    moments.variance.push_back(static_cast<float>(variance < 0.0 ? 0.0 : variance));
  }
  if constexpr (!std::is_same_v<T, float>) {
    moments.sums = sums;
  }
  return moments;
}

/// The agreed form: y = fma(x - mean, gamma * rstd, beta).
template <class T>
std::vector<float> norm_oracle(const std::vector<T>& x, const HostMoments& moments, const std::vector<float>& gamma,
                               const std::vector<float>& beta, float eps) {
  std::vector<float> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % gamma.size();
    const auto rstd =
        static_cast<float>(1.0 / std::sqrt(static_cast<double>(moments.variance[c]) + static_cast<double>(eps)));
    y[i] = std::fma(static_cast<float>(x[i]) - moments.mean[c], gamma[c] * rstd, beta[c]);
  }
  return y;
}

}  // namespace bnas::cuda::test
