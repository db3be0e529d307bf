// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/repeat_strategy.hpp"

namespace bnas::nas {

RepeatStrategy::RepeatStrategy(const Genotype& genotype, int repeats, const SearchSpace& space)
    : BatchedStrategy({.kind = "repeat", .blocks = static_cast<int>(genotype.blocks.size()), .children = repeats},
                      space),
      genotype_(space.canonical(genotype)) {}

std::vector<Proposal> RepeatStrategy::next_batch() {
  if (!told().empty()) {
    return {};
  }
  const Proposal proposal{genotype_, config().blocks, std::nullopt};
  return std::vector<Proposal>(static_cast<std::size_t>(config().children), proposal);
}

}  // namespace bnas::nas
