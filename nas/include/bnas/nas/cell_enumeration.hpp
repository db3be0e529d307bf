// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// Every canonical cell of exactly `blocks` blocks once, in lexicographic order, until `visit` returns false. Holds one
/// cell at a time, however many there are. usage Error for a number of blocks outside the space.
void for_each_cell(const SearchSpace& space, int blocks, const std::function<bool(const Genotype&)>& visit);

}  // namespace bnas::nas
