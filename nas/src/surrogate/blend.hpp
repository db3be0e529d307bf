// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bnas/nas/surrogate.hpp"

namespace bnas::nas {

/// The mean of surrogates that err in different ways; their disagreement is the spread.
std::unique_ptr<Surrogate> make_blend(std::vector<std::unique_ptr<Surrogate>> parts);

}  // namespace bnas::nas
