// SPDX-License-Identifier: Apache-2.0
#include "surrogate/cell_features.hpp"

#include <algorithm>
#include <cmath>

#include "canonical.hpp"
#include "surrogate/model_parts.hpp"

namespace bnas::nas {

CellFeatures::CellFeatures(const SearchSpace& space)
    : operators_(space.config().operators.size()),
      sources_(is_multiset(space.config()) ? 0 : static_cast<std::size_t>(space.config().look_back) + 1),
      wiring_(sources_ == 0 ? 0 : sources_ * operators_ + operators_ * (operators_ + 1) / 2 + 1) {}

void CellFeatures::write(std::span<const std::int32_t> tokens, std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  const std::span<double> operations = out.first(2 * operators_);
  const std::span<double> wiring = out.subspan(2 * operators_);
  count(tokens, operations.first(operators_), wiring.first(wiring_));
  for (const std::span<double> group : {operations, wiring}) {
    const std::size_t n = group.size() / 2;
    std::transform(group.begin(), group.begin() + static_cast<std::ptrdiff_t>(n),
                   group.begin() + static_cast<std::ptrdiff_t>(n), [](double share) { return 0.5 * std::sqrt(share); });
  }
}

void CellFeatures::count(std::span<const std::int32_t> tokens, std::span<double> operations,
                         std::span<double> wiring) const {
  const std::size_t blocks = tokens.size() / kTokensPerBlock;
  const double per_block = 1.0 / static_cast<double>(blocks);
  const double per_half = 0.5 * per_block;
  std::vector<bool> read(blocks, false);
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto block = tokens.subspan(b * kTokensPerBlock, kTokensPerBlock);
    for (std::size_t half = 0; half < 2; ++half) {
      const auto input = static_cast<std::size_t>(block[half]);
      const auto operation = static_cast<std::size_t>(block[2 + half]);
      operations[operation] += per_half;
      if (sources_ > 0) {
        const std::size_t source = std::min(input, sources_ - 1);
        wiring[source * operators_ + operation] += per_half;
        if (source == sources_ - 1) {
          read[input - source] = true;
        }
      }
    }
    if (sources_ > 0) {
      const auto low = static_cast<std::size_t>(std::min(block[2], block[3]));
      const auto high = static_cast<std::size_t>(std::max(block[2], block[3]));
      wiring[sources_ * operators_ + high * (high + 1) / 2 + low] += per_block;
    }
  }
  if (sources_ > 0) {  // blocks that no other reads
    wiring.back() = per_block * static_cast<double>(std::count(read.begin(), read.end(), false));
  }
}

}  // namespace bnas::nas
