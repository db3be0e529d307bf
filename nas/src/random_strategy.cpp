// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/random_strategy.hpp"

#include <algorithm>
#include <set>

namespace bnas::nas {
namespace {

// Draws in a row that found nothing new before a size counts as exhausted: some cells are rarer than others.
constexpr int kMaxFruitless = 100'000;

}  // namespace

RandomStrategy::RandomStrategy(StrategyConfig config, const SearchSpace& space)
    : BatchedStrategy(std::move(config), space) {
  const int blocks = this->config().blocks;
  const std::int64_t wanted = equal_budget();
  struct Size {
    int blocks;
    std::int64_t unseen;  // by exact count
  };
  std::vector<Size> sizes;  // that still have unseen cells
  for (int size = this->config().largest_only ? blocks : 1; size <= blocks; ++size) {
    sizes.push_back({size, cells_of_size(size)});
  }
  const RandomKey key{this->config().seed, 0, RandomPurpose::sample};
  const RandomKey size_key = key.derive(1);
  const RandomKey cell_key = key.derive(2);
  std::uint64_t size_index = 0;
  std::uint64_t cell_index = 0;
  std::set<Genotype> seen;
  while (static_cast<std::int64_t>(cells_.size()) < wanted && !sizes.empty()) {
    const std::uint32_t pick = size_key.below(size_index++, static_cast<std::uint32_t>(sizes.size()));
    Size& size = sizes[pick];
    bool found = false;
    for (int draw = 0; draw < kMaxFruitless && !found; ++draw) {
      Genotype cell = space.sample(size.blocks, cell_key, cell_index);
      found = seen.insert(cell).second;
      if (found) {
        cells_.push_back(std::move(cell));
        --size.unseen;
      }
    }
    if (!found || size.unseen == 0) {
      sizes.erase(sizes.begin() + pick);
    }
  }
  std::stable_sort(cells_.begin(), cells_.end(),
                   [](const Genotype& a, const Genotype& b) { return a.blocks.size() < b.blocks.size(); });
}

std::vector<Proposal> RandomStrategy::next_batch() {
  std::vector<Proposal> batch;
  for (std::size_t i = told().size(); i < cells_.size(); ++i) {
    const int level = static_cast<int>(cells_[i].blocks.size());
    if (!batch.empty() && batch.front().level != level) {
      break;
    }
    batch.push_back({cells_[i], level, std::nullopt});
  }
  return batch;
}

}  // namespace bnas::nas
