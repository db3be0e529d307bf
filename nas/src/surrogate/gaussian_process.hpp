// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/surrogate.hpp"

namespace bnas::nas {

/// Gaussian process regression (Rasmussen and Williams 2006, algorithm 2.1) of standardized rewards on CellFeatures.
/// The kernel adds a linear and a squared exponential part, so that with few or noisy cells it is ridge regression, and
/// bends only where the data ask for it, and an offset of each level, so that what larger cells gain by their size is
/// not credited to operations that they happen to hold. Amplitudes, lengths and noise maximize the posterior under weak
/// priors (section 5.4.1). `seed` draws the cells that are used where there are too many.
std::unique_ptr<Surrogate> make_gaussian_process(const SearchSpace& space, std::uint64_t seed);

}  // namespace bnas::nas
