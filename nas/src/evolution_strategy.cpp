// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/evolution_strategy.hpp"

#include <algorithm>

#include "cell_edits.hpp"
#include "sampling.hpp"

namespace bnas::nas {

EvolutionStrategy::EvolutionStrategy(StrategyConfig config, const SearchSpace& space)
    : BatchedStrategy(std::move(config), space), planned_(equal_budget()) {}

Genotype EvolutionStrategy::tournament_winner(const RandomKey& key) const {
  const auto population = std::min(told().size(), static_cast<std::size_t>(config().population));
  const std::size_t oldest = told().size() - population;
  std::size_t winner = told().size();
  for (const std::size_t i : sample_indices(population, static_cast<std::size_t>(config().tournament), key.derive(1))) {
    const std::size_t candidate = oldest + i;
    if (winner == told().size() || told()[candidate].reward > told()[winner].reward) {
      winner = candidate;
    }
  }
  return told()[winner].proposal.genotype;
}

std::optional<Genotype> EvolutionStrategy::child_of(const Genotype& parent, const std::set<Genotype>& seen,
                                                    const RandomKey& key) const {
  std::vector<std::vector<Genotype>> ways(3);
  ways[0] = edited_cells(space(), parent);
  if (static_cast<int>(parent.blocks.size()) < config().blocks) {
    ways[1] = space().grow(parent);
  }
  ways[2] = smaller_cells(space(), parent);
  for (std::vector<Genotype>& cells : ways) {
    std::erase_if(cells, [&](const Genotype& cell) { return seen.contains(cell); });
  }
  const RandomKey draw = key.derive(2);
  const std::uint32_t way = draw.below(0, 8);  // one in four changes the size
  for (const std::size_t choice : {way < 6 ? 0U : way - 5U, 0U, 1U, 2U}) {
    if (!ways[choice].empty()) {
      return ways[choice][draw.below(1, static_cast<std::uint32_t>(ways[choice].size()))];
    }
  }
  std::uint64_t index = 0;
  return sample_unseen(space(), config().blocks, seen, key.derive(3), index);
}

std::vector<Proposal> EvolutionStrategy::next_batch() {
  std::set<Genotype> seen;
  for (const Told& t : told()) {
    seen.insert(t.proposal.genotype);
  }
  const bool first = told().empty();
  const std::int64_t wanted =
      std::min<std::int64_t>(planned_ - std::ssize(told()), first ? config().population : config().generation);
  std::vector<Proposal> batch;
  for (std::int64_t i = 0; i < wanted; ++i) {
    const RandomKey key{config().seed, static_cast<std::uint64_t>(std::ssize(told()) + i), RandomPurpose::sample};
    std::uint64_t index = 0;
    const std::optional<Genotype> cell = first ? sample_unseen(space(), config().blocks, seen, key.derive(3), index)
                                               : child_of(tournament_winner(key), seen, key);
    if (!cell) {
      break;  // every cell of the space is known
    }
    seen.insert(*cell);
    batch.push_back({*cell, static_cast<int>(cell->blocks.size()), std::nullopt});
  }
  std::stable_sort(batch.begin(), batch.end(), [](const Proposal& a, const Proposal& b) { return a.level < b.level; });
  return batch;
}

}  // namespace bnas::nas
