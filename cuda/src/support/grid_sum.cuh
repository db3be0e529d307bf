// SPDX-License-Identifier: Apache-2.0
// Sums of doubles over all threads of a one-dimensional grid, in a fixed order; one launch.
#pragma once

#include "bnas/cuda/scratch.hpp"
#include "support/block_sum.cuh"
#include "support/last_block.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {

inline constexpr int kWarp = 32;
inline constexpr int kSumBlocks = 128;  // of a grid that sums: one block reads what they leave

/// The sum over a warp in all its lanes.
__device__ inline double warp_sum(double value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(~0U, value, distance);  // both sides add the same two numbers
  }
  return value;
}

/// True in one block, the last of all, whose thread 0 then has in values[j] the sum over the grid. All threads of
/// blocks of kBlockThreads call it. `partials` has kCount doubles for each block; `ticket` is zero, and stays so.
template <int kCount>
__device__ bool grid_sum(double (&values)[kCount], double* partials, unsigned* ticket) {
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    values[j] = block_sum<kBlockThreads>(values[j]);
    if (threadIdx.x == 0 && gridDim.x > 1) {
      partials[blockIdx.x * kCount + j] = values[j];
    }
  }
  if (gridDim.x == 1) {
    return true;
  }
  if (!is_last_block(ticket, gridDim.x)) {
    return false;
  }
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    double sum = 0.0;
    for (unsigned block = threadIdx.x; block < gridDim.x; block += kBlockThreads) {
      sum += __ldcg(partials + block * kCount + j);
    }
    values[j] = block_sum<kBlockThreads>(sum);
  }
  return true;
}

/// Blocks for `n` items of which a block takes `per_block` at once.
inline unsigned sum_blocks(std::int64_t n, int per_block) {
  return static_cast<unsigned>(std::min<std::int64_t>((n + per_block - 1) / per_block, kSumBlocks));
}

/// Ok where `scratch` serves a sum of `blocks` blocks that wants `bytes`.
inline Status check_scratch(const Scratch& scratch, std::size_t bytes, unsigned blocks, const char* op) {
  if (scratch.bytes < bytes || (bytes > 0 && scratch.data == nullptr)) {
    return {StatusCode::workspace_too_small, 0, op};
  }
  return blocks > 1 && scratch.tickets == nullptr ? invalid_argument("sum over blocks: no tickets") : Status{};
}

}  // namespace bnas::cuda
