// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "bnas/nas/surrogate.hpp"

namespace bnas::nas {

/// The weighted mean of surrogates that err in different ways; their disagreement is the spread. The fewer cells there
/// are, the more the simpler of them are trusted: with q = 32 / (32 + n) of n cells, `simple` has the share q; of the
/// rest `smooth` has 1/2 + q/4 and `rich` 1/2 - q/4. Shares that follow held-out errors, of folds or of earlier levels,
/// were tried on real and made-up histories and ranked no better: so few cells tell little of the weights too.
std::unique_ptr<Surrogate> make_blend(std::unique_ptr<Surrogate> simple, std::unique_ptr<Surrogate> smooth,
                                      std::unique_ptr<Surrogate> rich);

}  // namespace bnas::nas
