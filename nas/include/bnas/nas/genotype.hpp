// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

namespace bnas::nas {

/// One block: operation op0 on input in0, operation op1 on input in1, then add or concat.
/// An input is -1 (the previous cell), -2 (the cell before it) or the index 0, 1, ... of an earlier block.
/// An operation is an index into the operator list of the search space.
struct Block {
  std::int8_t in0 = -1;
  std::uint8_t op0 = 0;
  std::int8_t in1 = -1;
  std::uint8_t op1 = 0;
  friend auto operator<=>(const Block&, const Block&) = default;
};

/// A cell: its blocks in order. A value; which names and inputs are legal is the business of the search space.
struct Genotype {
  std::vector<Block> blocks;
  friend auto operator<=>(const Genotype&, const Genotype&) = default;
};

}  // namespace bnas::nas
