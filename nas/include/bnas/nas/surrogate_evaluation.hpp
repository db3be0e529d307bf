// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "bnas/nas/genotype.hpp"
#include "bnas/nas/surrogate.hpp"

namespace bnas::nas {

/// Measured cells; the three have equally many entries.
struct MeasuredCells {
  std::span<const Genotype> cells;
  std::span<const double> rewards;     ///< in [0, 1]
  std::span<const std::int32_t> runs;  ///< which run measured it, from 0
};

/// How well a surrogate ranks cells of `level` blocks after having seen all smaller ones; NaN where undefined.
struct Extrapolation {
  int level = 0;
  std::int64_t seen = 0;
  std::int64_t ranked = 0;
  double spearman = 0.0;     ///< over all cells of the level
  double within_runs = 0.0;  ///< of each run alone, averaged with the number of its cells as weight
};

/// Levels 2, 3, ... that have cells and smaller ones before them. Fits the surrogate anew for each.
std::vector<Extrapolation> extrapolate(Surrogate& surrogate, const SearchSpace& space, const MeasuredCells& measured);

}  // namespace bnas::nas
