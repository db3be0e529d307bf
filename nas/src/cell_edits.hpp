// SPDX-License-Identifier: Apache-2.0
// Cells next to a cell, for the strategies that move by small steps.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// Canonical cells that differ from `g` in the operation or the input of one half, without `g`, ascending.
std::vector<Genotype> edited_cells(const SearchSpace& space, const Genotype& g);
/// Canonical cells that lack one block of `g` that no other reads, ascending; none for a cell of one block.
std::vector<Genotype> smaller_cells(const SearchSpace& space, const Genotype& g);
/// A random cell of 1 to `blocks` blocks that is not in `seen`, uses indices from `index` on and advances it. Nothing
/// when so many draws in a row are known that the space counts as exhausted.
std::optional<Genotype> sample_unseen(const SearchSpace& space, int blocks, const std::set<Genotype>& seen,
                                      const RandomKey& key, std::uint64_t& index);

}  // namespace bnas::nas
