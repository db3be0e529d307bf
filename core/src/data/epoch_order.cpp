// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/epoch_order.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "bnas/core/error.hpp"

namespace bnas {

std::vector<std::int32_t> random_permutation(const RandomKey& key, std::int64_t n) {
  check(n >= 0 && n <= std::numeric_limits<std::int32_t>::max(), "random_permutation", std::to_string(n) + " items");
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[key.below(i - 1, static_cast<std::uint32_t>(i))]);
  }
  return order;
}

}  // namespace bnas
