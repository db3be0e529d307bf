// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/genotype.hpp"
#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// True when any rearrangement of a cell's (input, operation) pairs is the same network: no block is read by another
/// and all outputs are concatenated, so that only the order of channels changes.
inline bool is_multiset(const SpaceConfig& config) {
  return config.look_forward == 0 && config.combine == Combine::concat;
}

/// Replaces `g`, whose blocks read only cell inputs and earlier blocks, by the representative of its isomorphism class.
/// False when no topological renumbering respects look_forward; `g` is then unchanged. At most kMaxBlocks blocks.
bool canonicalize(const SpaceConfig& config, Genotype& g);

}  // namespace bnas::nas
