// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// A cell as numbers that do not depend on how many blocks it has, in two groups. The first says which operations, the
/// second how they are wired and paired; where wiring means nothing (flat cells) it is empty. Each group holds shares,
/// then half of their square roots: how often something occurs counts, and whether it does at all.
class CellFeatures {
 public:
  explicit CellFeatures(const SearchSpace& space);

  std::size_t operations() const { return 2 * operators_; }
  std::size_t wiring() const { return 2 * wiring_; }
  std::size_t size() const { return operations() + wiring(); }
  /// Features of the cell with these tokens (SearchSpace::tokens); `out` has size() elements.
  void write(std::span<const std::int32_t> tokens, std::span<double> out) const;

 private:
  void count(std::span<const std::int32_t> tokens, std::span<double> operations, std::span<double> wiring) const;

  std::size_t operators_;
  std::size_t sources_;  // cell inputs, and any earlier block; 0: no wiring
  std::size_t wiring_;
};

}  // namespace bnas::nas
