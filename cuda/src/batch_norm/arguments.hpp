// SPDX-License-Identifier: Apache-2.0
// Host side that the launchers share: checks of arguments, types.
#pragma once

#include "batch_norm/channel_tile.cuh"
#include "support/number_type.hpp"

namespace bnas::cuda {

/// Tiles, of 16 channels at least, are numbered by blockIdx.y, which ends at 65535.
inline constexpr std::int64_t kMostChannels = 1'000'000;

inline bool is_valid(const NormInput& x) {
  return x.rows >= 0 && x.channels >= 0 && x.channels <= kMostChannels && (x.x != nullptr || x.rows * x.channels == 0);
}

inline bool is_valid(const BatchMoments& m) {
  return m.mean != nullptr && m.variance != nullptr && (m.running_mean == nullptr) == (m.running_variance == nullptr);
}

}  // namespace bnas::cuda
