// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// A cell as numbers that do not depend on how many blocks it has: square roots of shares, in two groups. The first
/// says which operations, the second how they are wired and paired; where wiring means nothing (flat cells) it is
/// empty. Roots (distances are then Hellinger's) since whether an operation is there at all counts more than how often.
class CellFeatures {
 public:
  explicit CellFeatures(const SearchSpace& space);

  std::size_t operations() const { return operators_; }
  std::size_t wiring() const { return wiring_; }
  std::size_t size() const { return operators_ + wiring_; }
  /// Features of the cell with these tokens (SearchSpace::tokens); `out` has size() elements.
  void write(std::span<const std::int32_t> tokens, std::span<double> out) const;

 private:
  std::size_t operators_;
  std::size_t sources_;  // cell inputs, and any earlier block; 0: no wiring
  std::size_t wiring_;
};

}  // namespace bnas::nas
