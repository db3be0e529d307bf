// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "bnas/portable/philox.hpp"

namespace bnas::nas {

/// `k` different indices below `n` (all of them when k >= n), ascending: the first k steps of a Fisher-Yates shuffle.
inline std::vector<std::size_t> sample_indices(std::size_t n, std::size_t k, const RandomKey& key) {
  std::vector<std::size_t> indices(n);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  k = std::min(k, n);
  for (std::size_t i = 0; i < k; ++i) {
    std::swap(indices[i], indices[i + key.below(i, static_cast<std::uint32_t>(n - i))]);
  }
  indices.resize(k);
  std::sort(indices.begin(), indices.end());
  return indices;
}

}  // namespace bnas::nas
