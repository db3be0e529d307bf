// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "bnas/portable/philox.hpp"

namespace bnas::cuda::test {

/// `n` floats in [-spread, spread); `site` tells arrays of a test apart.
inline std::vector<float> random_floats(std::size_t n, std::uint64_t site, float spread = 1.0F) {
  const RandomKey key{19, site, RandomPurpose::init};
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = (2.0F * key.uniform(i) - 1.0F) * spread;
  }
  return values;
}

/// `n` integers in [-largest, largest].
template <class T>
std::vector<T> random_integers(std::size_t n, std::uint64_t site, int largest) {
  const RandomKey key{23, site, RandomPurpose::init};
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = static_cast<T>(static_cast<int>(key.below(i, 2U * static_cast<unsigned>(largest) + 1U)) - largest);
  }
  return values;
}

}  // namespace bnas::cuda::test
