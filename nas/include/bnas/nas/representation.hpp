// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// Reads the representation string of an architectures text: "[[1. 0. 0.]] [[0. 0. 0. 4.]] [[1. 0. 0.]] [[0. 2. 0.
/// 0.]]", for each half of a block a vector of its input, then one of its operation. The place of the one positive
/// entry of a vector counts, not its size. Vectors of inputs have an entry per block that a cell may have (or per
/// input, where the space has more), numbered as SearchSpace::tokens() numbers them; vectors of operations one per
/// operator. Blanks and line breaks may stand anywhere between numbers and brackets, and commas for blanks. The cell is
/// as written, not canonical. The whole line of the text may be given, label and quotation marks included. usage Error
/// that says which vector does not fit, and why.
Genotype parse_representation(std::string_view text, const SearchSpace& space);

}  // namespace bnas::nas
