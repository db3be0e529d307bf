// SPDX-License-Identifier: Apache-2.0
#include "cell_edits.hpp"

#include <algorithm>

#include "canonical.hpp"

namespace bnas::nas {
namespace {

std::vector<Genotype> sorted_without(std::vector<Genotype> cells, const Genotype& self) {
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  std::erase(cells, self);
  return cells;
}

}  // namespace

std::vector<Genotype> edited_cells(const SearchSpace& space, const Genotype& g) {
  const std::size_t operators = space.config().operators.size();
  std::vector<Genotype> cells;
  const auto keep = [&](Genotype cell) {
    if (canonicalize(space.config(), cell)) {
      cells.push_back(std::move(cell));
    }
  };
  for (std::size_t b = 0; b < g.blocks.size(); ++b) {
    for (const auto& [in, op] : {std::pair(&Block::in0, &Block::op0), std::pair(&Block::in1, &Block::op1)}) {
      Genotype cell = g;
      for (std::size_t other = 0; other < operators; ++other) {
        cell.blocks[b].*op = static_cast<std::uint8_t>(other);
        keep(cell);
      }
      cell = g;
      for (const std::int8_t other : space.inputs(static_cast<int>(b))) {
        cell.blocks[b].*in = other;
        keep(cell);
      }
    }
  }
  return sorted_without(std::move(cells), space.canonical(g));
}

std::vector<Genotype> smaller_cells(const SearchSpace& space, const Genotype& g) {
  std::vector<Genotype> cells;
  for (std::size_t gone = 0; gone < g.blocks.size() && g.blocks.size() > 1; ++gone) {
    const auto index = static_cast<int>(gone);
    if (std::any_of(g.blocks.begin(), g.blocks.end(),
                    [&](const Block& b) { return b.in0 == index || b.in1 == index; })) {
      continue;
    }
    Genotype cell = g;
    cell.blocks.erase(cell.blocks.begin() + index);
    for (Block& b : cell.blocks) {
      b.in0 = static_cast<std::int8_t>(b.in0 > index ? b.in0 - 1 : b.in0);
      b.in1 = static_cast<std::int8_t>(b.in1 > index ? b.in1 - 1 : b.in1);
    }
    if (canonicalize(space.config(), cell)) {
      cells.push_back(std::move(cell));
    }
  }
  return sorted_without(std::move(cells), g);
}

std::optional<Genotype> sample_unseen(const SearchSpace& space, int blocks, const std::set<Genotype>& seen,
                                      const RandomKey& key, std::uint64_t& index) {
  constexpr int kMaxFruitless = 10'000;
  for (int draw = 0; draw < kMaxFruitless; ++draw) {
    const auto size = 1 + static_cast<int>(key.below(index++, static_cast<std::uint32_t>(blocks)));
    Genotype cell = space.sample(size, key, index);
    if (!seen.contains(cell)) {
      return cell;
    }
  }
  return std::nullopt;
}

}  // namespace bnas::nas
