// SPDX-License-Identifier: Apache-2.0
// How many cells a space has. Three ways, by what the space allows:
//
// 1. Multisets (flat): 2b pairs out of m (input, operation) pairs: C(m + 2b - 1, 2b).
//
// 2. Every earlier block may be read, or none: Burnside's lemma. Let blocks carry labels 1..b in any order; the group
//    S_b with a swap of halves per block, of order b! 2^b, acts on the acyclic labelled cells, and its orbits are the
//    isomorphism classes. A group element permutes blocks in cycles of lengths L_1.. . In a cycle of length L, half of
//    the 2^L choices of swaps join its 2L halves into one orbit of length 2L, half leave two orbits of length L. A cell
//    is fixed when halves of one orbit of length l share the operation and read either one cell input, or the blocks of
//    one other cycle whose length divides l, in step (as many ways as that cycle is long). A cycle cannot read itself,
//    and the cell is acyclic exactly when the reading of cycles is. Acyclic choices are counted by inclusion and
//    exclusion over the set T of cycles that nobody reads: with w_c(S) the choices of cycle c when it reads from S
//    only,
//        A(V) = sum over nonempty T of V of (-1)^(|T|+1) A(V \ T) prod_{c in T} w_c(V \ T),  A({}) = 1.
//
// 3. A look-forward limit in between: whether a legal numbering exists depends on the wiring alone, so wirings (cells
//    with one operation) are enumerated, and each contributes its operation assignments up to its automorphisms,
//    again by Burnside.
#include <algorithm>
#include <numeric>

#include "bnas/core/error.hpp"
#include "canonical.hpp"
#include "wide_integer.hpp"

namespace bnas::nas {
namespace {

WideInteger multisets(std::uint64_t kinds, int size) {
  WideInteger count = 1;
  for (int i = 1; i <= size; ++i) {  // C(kinds - 1 + i, i) is an integer at each step
    count *= kinds - 1 + static_cast<std::uint64_t>(i);
    count.divide(static_cast<std::uint32_t>(i));
  }
  return count;
}

/// A cycle of blocks under a group element, with one or two orbits of halves.
struct Cycle {
  int length = 1;
  bool joined = false;  // one orbit of 2 * length halves

  int orbit_length() const { return joined ? 2 * length : length; }
};

/// A(all cycles) of the derivation above.
WideInteger acyclic_choices(const std::vector<Cycle>& cycles, const SpaceConfig& config) {
  const auto bit = [](std::size_t i) { return std::size_t{1} << i; };
  const auto choices = [&](const Cycle& cycle, std::size_t readable) {
    auto inputs = static_cast<std::uint64_t>(config.look_back);
    for (std::size_t i = 0; config.look_forward != 0 && i < cycles.size(); ++i) {
      if ((readable & bit(i)) != 0 && cycle.orbit_length() % cycles[i].length == 0) {
        inputs += static_cast<std::uint64_t>(cycles[i].length);
      }
    }
    const std::uint64_t one_orbit = inputs * config.operators.size();
    return cycle.joined ? one_orbit : one_orbit * one_orbit;
  };
  std::vector<WideInteger> count(bit(cycles.size()));
  count[0] = 1;
  for (std::size_t set = 1; set < count.size(); ++set) {
    for (std::size_t unread = set; unread != 0; unread = (unread - 1) & set) {
      const std::size_t rest = set & ~unread;
      WideInteger term = count[rest];
      bool odd = false;
      for (std::size_t i = 0; i < cycles.size(); ++i) {
        if ((unread & bit(i)) != 0) {
          term *= choices(cycles[i], rest);
          odd = !odd;
        }
      }
      odd ? count[set] += term : count[set] -= term;
    }
  }
  return count.back();
}

std::uint32_t factorial(int n) { return n < 2 ? 1U : static_cast<std::uint32_t>(n) * factorial(n - 1); }

/// Adds the contribution of all cycle types that extend `cycles` by cycles no longer than `longest`.
void add_cycle_types(int left, int longest, std::vector<Cycle>& cycles, int blocks, const SpaceConfig& config,
                     WideInteger& total) {
  if (left == 0) {
    // Permutations of this type: b! / prod over lengths of (L^m m!); with 2^(L-1) swaps per cycle of either parity.
    std::uint32_t permutations = factorial(blocks);
    for (int length = 1; length <= blocks; ++length) {
      const auto m = static_cast<int>(
          std::count_if(cycles.begin(), cycles.end(), [length](const Cycle& c) { return c.length == length; }));
      permutations /= factorial(m);
      for (int i = 0; i < m; ++i) {
        permutations /= static_cast<std::uint32_t>(length);
      }
    }
    const std::uint64_t weight = std::uint64_t{permutations} << (static_cast<unsigned>(blocks) - cycles.size());
    for (std::size_t parities = 0; parities < std::size_t{1} << cycles.size(); ++parities) {
      for (std::size_t i = 0; i < cycles.size(); ++i) {
        cycles[i].joined = (parities >> i & 1U) != 0;
      }
      WideInteger fixed = acyclic_choices(cycles, config);
      fixed *= weight;
      total += fixed;
    }
    return;
  }
  for (int length = std::min(left, longest); length >= 1; --length) {
    cycles.push_back({length, false});
    add_cycle_types(left - length, length, cycles, blocks, config, total);
    cycles.pop_back();
  }
}

WideInteger count_by_cycle_types(const SpaceConfig& config, int blocks) {
  WideInteger total;
  std::vector<Cycle> cycles;
  add_cycle_types(blocks, blocks, cycles, blocks, config, total);
  total.divide(factorial(blocks) << static_cast<unsigned>(blocks));
  return total;
}

/// Burnside's sum over the automorphisms of one wiring (all operations 0).
class WiringAutomorphisms {
 public:
  WiringAutomorphisms(const Genotype& wiring, std::uint64_t operators)
      : blocks_(wiring.blocks), operators_(operators), image_(wiring.blocks.size(), -1) {}

  /// Assignments of operations to the halves, up to automorphism.
  WideInteger assignments() {
    extend(0, 0U);
    sum_.divide(static_cast<std::uint32_t>(order_));
    return sum_;
  }

 private:
  int map(std::int8_t input) const { return input < 0 ? input : image_[static_cast<std::size_t>(input)]; }

  void extend(std::size_t i, unsigned used) {
    if (i == blocks_.size()) {
      add();
      return;
    }
    const int in0 = map(blocks_[i].in0);  // earlier blocks are mapped already
    const int in1 = map(blocks_[i].in1);
    for (std::size_t j = 0; j < blocks_.size(); ++j) {
      const Block& to = blocks_[j];
      if ((used >> j & 1U) == 0U && ((in0 == to.in0 && in1 == to.in1) || (in0 == to.in1 && in1 == to.in0))) {
        image_[i] = static_cast<int>(j);
        extend(i + 1, used | 1U << j);
      }
    }
  }

  /// Adds the fixed assignments of image_ with all swaps of halves that go with it: blocks whose halves read the same
  /// may swap or not, others must follow their inputs.
  void add() {
    WideInteger fixed = 1;
    std::uint64_t swaps = 1;
    std::vector<bool> seen(blocks_.size());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (seen[i]) {
        continue;
      }
      std::uint64_t either = 1;  // 2 to the power of the cycle's length - 1
      bool crossed = false;
      for (std::size_t at = i;; either *= 2) {
        seen[at] = true;
        const auto next = static_cast<std::size_t>(image_[at]);
        crossed ^= map(blocks_[at].in0) != blocks_[next].in0;
        if (seen[next]) {
          break;
        }
        at = next;
      }
      if (blocks_[i].in0 == blocks_[i].in1) {
        fixed *= either * (operators_ * operators_ + operators_);
        swaps *= 2 * either;
      } else {
        fixed *= crossed ? operators_ : operators_ * operators_;
      }
    }
    sum_ += fixed;
    order_ += swaps;
  }

  const std::vector<Block>& blocks_;
  std::uint64_t operators_;
  std::vector<int> image_;
  WideInteger sum_;
  std::uint64_t order_ = 0;
};

WideInteger count_by_wirings(SpaceConfig config, int blocks) {
  const std::uint64_t operators = config.operators.size();
  config.operators = {"any"};
  const SearchSpace one_operator(config);
  std::vector<Genotype> wirings = one_operator.first();
  for (int b = 1; b < blocks; ++b) {
    std::vector<Genotype> grown;
    for (const Genotype& wiring : wirings) {
      const std::vector<Genotype> children = one_operator.grow(wiring);
      grown.insert(grown.end(), children.begin(), children.end());
    }
    std::sort(grown.begin(), grown.end());
    grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
    wirings = std::move(grown);
  }
  WideInteger total;
  for (const Genotype& wiring : wirings) {
    total += WiringAutomorphisms(wiring, operators).assignments();
  }
  return total;
}

void require_blocks(const SpaceConfig& config, int blocks) {
  if (blocks < 1 || blocks > config.blocks) {
    throw Error(ErrorKind::usage, "cells of " + std::to_string(blocks) + " blocks are not in a space of 1 to " +
                                      std::to_string(config.blocks) + " blocks");
  }
}

}  // namespace

std::string SearchSpace::count_unique(int blocks) const {
  require_blocks(config_, blocks);
  if (is_multiset(config_)) {
    return multisets(config_.operators.size() * static_cast<std::uint64_t>(config_.look_back), 2 * blocks).decimal();
  }
  const bool limited = config_.look_forward > 0 && config_.look_forward < blocks - 1;
  return (limited ? count_by_wirings(config_, blocks) : count_by_cycle_types(config_, blocks)).decimal();
}

std::string SearchSpace::count_raw(int blocks) const {
  require_blocks(config_, blocks);
  WideInteger count = 1;
  for (int b = 0; b < blocks; ++b) {
    const std::uint64_t halves = inputs(b).size() * config_.operators.size();
    count *= halves * halves;
  }
  return count.decimal();
}

}  // namespace bnas::nas
