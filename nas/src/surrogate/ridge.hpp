// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/surrogate.hpp"

namespace bnas::nas {

/// The baseline that a surrogate has to beat: ridge regression of the reward on the share that each operation has among
/// the 2b of a cell. Shares, not counts, so that cells of all sizes fit one line.
std::unique_ptr<Surrogate> make_ridge_surrogate(double lambda, std::size_t operators);

}  // namespace bnas::nas
