// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/rank_correlation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

bool comparable(std::span<const double> a, std::span<const double> b, const char* name) {
  check(a.size() == b.size(), name, "both sides must have as many values");
  const auto is_nan = [](double x) { return std::isnan(x); };
  return a.size() >= 2 && std::none_of(a.begin(), a.end(), is_nan) && std::none_of(b.begin(), b.end(), is_nan);
}

std::vector<std::size_t> ascending(std::span<const double> x) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return x[i] < x[j]; });
  return order;
}

/// Twice the average 1-based rank: an integer, so that all sums below are exact.
std::vector<std::int64_t> doubled_ranks(std::span<const double> x) {
  const std::vector<std::size_t> order = ascending(x);
  std::vector<std::int64_t> ranks(x.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && x[order[end]] == x[order[begin]]) {
      ++end;
    }
    for (std::size_t i = begin; i < end; ++i) {
      ranks[order[i]] = static_cast<std::int64_t>(begin + 1 + end);  // ranks begin + 1 .. end
    }
  }
  return ranks;
}

/// Pairs within runs of values that `same` calls equal to their neighbour.
template <class Same>
std::int64_t tied_pairs(std::size_t n, Same same) {
  std::int64_t pairs = 0;
  std::int64_t run = 0;  // earlier members of the run
  for (std::size_t i = 1; i < n; ++i) {
    run = same(i - 1, i) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/// Sorts and returns the number of pairs that were strictly out of order.
std::int64_t sort_counting_inversions(std::vector<double>& x, std::vector<double>& scratch, std::size_t begin,
                                      std::size_t end) {
  if (end - begin < 2) {
    return 0;
  }
  const std::size_t middle = begin + (end - begin) / 2;
  std::int64_t inversions =
      sort_counting_inversions(x, scratch, begin, middle) + sort_counting_inversions(x, scratch, middle, end);
  std::size_t left = begin;
  std::size_t right = middle;
  for (std::size_t out = begin; out < end; ++out) {
    const bool take_right = left == middle || (right < end && x[right] < x[left]);
    if (take_right) {
      inversions += static_cast<std::int64_t>(middle - left);
    }
    scratch[out] = take_right ? x[right++] : x[left++];
  }
  std::copy(scratch.begin() + static_cast<std::ptrdiff_t>(begin), scratch.begin() + static_cast<std::ptrdiff_t>(end),
            x.begin() + static_cast<std::ptrdiff_t>(begin));
  return inversions;
}

}  // namespace

double spearman(std::span<const double> a, std::span<const double> b) {
  if (!comparable(a, b, "spearman")) {
    return kUndefined;
  }
  const std::vector<std::int64_t> ra = doubled_ranks(a);
  const std::vector<std::int64_t> rb = doubled_ranks(b);
  const auto mean = static_cast<std::int64_t>(a.size() + 1);  // doubled: ranks sum to n (n + 1) / 2
  std::int64_t ab = 0;
  std::int64_t aa = 0;
  std::int64_t bb = 0;
  for (std::size_t i = 0; i < ra.size(); ++i) {
    ab += (ra[i] - mean) * (rb[i] - mean);
    aa += (ra[i] - mean) * (ra[i] - mean);
    bb += (rb[i] - mean) * (rb[i] - mean);
  }
  return aa == 0 || bb == 0 ? kUndefined
                            : static_cast<double>(ab) / std::sqrt(static_cast<double>(aa) * static_cast<double>(bb));
}

double kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  if (!comparable(a, b, "kendall_tau_b")) {
    return kUndefined;
  }
  const std::size_t n = a.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return a[i] != a[j] ? a[i] < a[j] : b[i] < b[j];  // within ties of a, b ascends: no inversions there
  });
  std::vector<double> y(n);
  std::transform(order.begin(), order.end(), y.begin(), [&](std::size_t i) { return b[i]; });
  const auto same_a = [&](std::size_t i, std::size_t j) { return a[order[i]] == a[order[j]]; };
  const std::int64_t ties_a = tied_pairs(n, same_a);
  const std::int64_t ties_both =
      tied_pairs(n, [&](std::size_t i, std::size_t j) { return same_a(i, j) && y[i] == y[j]; });
  std::vector<double> scratch(n);
  const std::int64_t discordant = sort_counting_inversions(y, scratch, 0, n);
  const std::int64_t ties_b = tied_pairs(n, [&](std::size_t i, std::size_t j) { return y[i] == y[j]; });
  const auto pairs = static_cast<std::int64_t>(n * (n - 1) / 2);
  const std::int64_t difference = pairs - ties_a - ties_b + ties_both - 2 * discordant;
  return ties_a == pairs || ties_b == pairs
             ? kUndefined
             : static_cast<double>(difference) /
                   std::sqrt(static_cast<double>(pairs - ties_a) * static_cast<double>(pairs - ties_b));
}

}  // namespace bnas::nas
