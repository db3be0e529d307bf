// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/error.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace bnas {
namespace {

/// Levenshtein distance by rows of the usual table.
int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i) + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const int substitute = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substitute, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_name(std::string_view name, const std::string* first, const std::string* last, int limit) {
  constexpr std::size_t kLongestName = 128;  // the table is quadratic; longer input is no typing error
  std::string best;
  int best_distance = limit + 1;
  if (name.size() > kLongestName) {
    return best;
  }
  for (const std::string* candidate = first; candidate != last; ++candidate) {
    const int distance = edit_distance(name, *candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = *candidate;
    }
  }
  return best;
}

}  // namespace bnas
