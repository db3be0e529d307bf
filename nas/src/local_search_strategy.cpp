// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/local_search_strategy.hpp"

#include <algorithm>

#include "bnas/core/error.hpp"
#include "cell_edits.hpp"
#include "sampling.hpp"

namespace bnas::nas {
namespace {

/// The search as far as it is told, played back from the beginning: where it stands follows from what was measured.
class Climb {
 public:
  Climb(const StrategyConfig& config, const SearchSpace& space) : config_(config), space_(space) {}

  /// Cells to measure next, at most `limit`; empty when the space is exhausted.
  std::vector<Genotype> next(std::size_t limit) {
    const RandomKey key{config_.seed, round_++, RandomPurpose::sample};
    const std::size_t wanted = std::min(limit, static_cast<std::size_t>(config_.generation));
    std::vector<Genotype> cells;
    if (!centre_.blocks.empty()) {
      std::vector<Genotype> around = edited_cells(space_, centre_);
      std::erase_if(around, [&](const Genotype& cell) { return seen_.contains(cell); });
      for (const std::size_t i : sample_indices(around.size(), wanted, key)) {
        cells.push_back(around[i]);
      }
    }
    if (cells.empty()) {  // a summit, or the start
      centre_.blocks.clear();
      std::uint64_t index = 0;
      std::set<Genotype> known = seen_;
      while (cells.size() < wanted) {
        const auto cell = sample_unseen(space_, config_.blocks, known, key.derive(1), index);
        if (!cell) {
          break;
        }
        known.insert(*cell);
        cells.push_back(*cell);
      }
    }
    std::stable_sort(cells.begin(), cells.end(),
                     [](const Genotype& a, const Genotype& b) { return a.blocks.size() < b.blocks.size(); });
    return cells;
  }

  void measured(const Genotype& cell, double reward) {
    seen_.insert(cell);
    if (centre_.blocks.empty() || reward > height_) {
      centre_ = cell;
      height_ = reward;
    }
  }

 private:
  const StrategyConfig& config_;
  const SearchSpace& space_;
  std::set<Genotype> seen_;
  Genotype centre_;  // no blocks: none yet
  double height_ = 0.0;
  std::uint64_t round_ = 0;
};

}  // namespace

LocalSearchStrategy::LocalSearchStrategy(StrategyConfig config, const SearchSpace& space)
    : BatchedStrategy(std::move(config), space), planned_(equal_budget()) {}

std::vector<Proposal> LocalSearchStrategy::next_batch() {
  Climb climb(config(), space());
  std::size_t known = 0;
  for (;;) {
    const std::vector<Genotype> cells = climb.next(static_cast<std::size_t>(planned_) - known);
    if (known == told().size() || cells.empty()) {
      std::vector<Proposal> batch;
      batch.reserve(cells.size());
      for (const Genotype& cell : cells) {
        batch.push_back({cell, static_cast<int>(cell.blocks.size()), std::nullopt});
      }
      return batch;
    }
    for (const Genotype& cell : cells) {
      check(known < told().size() && told()[known].proposal.genotype == cell, name(), "told another history");
      climb.measured(cell, told()[known].reward);
      ++known;
    }
  }
}

}  // namespace bnas::nas
