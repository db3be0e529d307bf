// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/cell_enumeration.hpp"

#include <string>

#include "bnas/core/error.hpp"
#include "canonical.hpp"

namespace bnas::nas {
namespace {

/// Depth first over blocks with ordered halves. A canonical cell has canonical prefixes: were one smaller under another
/// order of its blocks, the cell with its first blocks in that order would be smaller too. So the search turns back at
/// prefixes that are not canonical; but with a look-forward limit that other order may be illegal for the whole cell,
/// and only whole cells are looked at.
class Enumeration {
 public:
  Enumeration(const SearchSpace& space, std::size_t blocks, const std::function<bool(const Genotype&)>& visit)
      : space_(space), blocks_(blocks), visit_(visit), prune_(space.config().look_forward <= 0) {}

  bool extend() {
    const std::vector<std::int8_t> inputs = space_.inputs(static_cast<int>(cell_.blocks.size()));
    const std::size_t operators = space_.config().operators.size();
    const std::size_t halves = inputs.size() * operators;
    const auto half = [&](std::size_t i) {
      return std::pair(inputs[i / operators], static_cast<std::uint8_t>(i % operators));
    };
    for (std::size_t i = 0; i < halves; ++i) {
      for (std::size_t j = i; j < halves; ++j) {
        cell_.blocks.push_back({half(i).first, half(i).second, half(j).first, half(j).second});
        const bool complete = cell_.blocks.size() == blocks_;
        const bool wanted = (!complete && !prune_) || is_canonical();
        const bool go_on = !wanted || (complete ? visit_(cell_) : extend());
        cell_.blocks.pop_back();
        if (!go_on) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  bool is_canonical() const {
    Genotype canonical = cell_;
    return canonicalize(space_.config(), canonical) && canonical == cell_;
  }

  const SearchSpace& space_;
  std::size_t blocks_;
  const std::function<bool(const Genotype&)>& visit_;
  bool prune_;
  Genotype cell_;
};

}  // namespace

void for_each_cell(const SearchSpace& space, int blocks, const std::function<bool(const Genotype&)>& visit) {
  if (blocks < 1 || blocks > space.config().blocks) {
    throw Error(ErrorKind::usage, "cells of " + std::to_string(blocks) + " blocks: the space has cells of 1 to " +
                                      std::to_string(space.config().blocks));
  }
  Enumeration(space, static_cast<std::size_t>(blocks), visit).extend();
}

}  // namespace bnas::nas
