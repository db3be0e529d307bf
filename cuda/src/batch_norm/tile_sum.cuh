// SPDX-License-Identifier: Apache-2.0
// Two sums per channel over all rows of a matrix: threads, lanes of a block, slices of the grid; one launch.
#pragma once

#include "batch_norm/channel_tile.cuh"
#include "support/last_block.cuh"

namespace bnas::cuda {

inline constexpr int kTileSums = 2 * kQuad;  // of a thread: four first ones, four second ones

/// Channels of all tiles, those that do not exist included.
inline std::int64_t tiled_channels(const TileGrid& g) { return static_cast<std::int64_t>(g.tiles) * g.columns * kQuad; }

/// Bytes of the partial sums, which are double or 64-bit integers.
inline std::size_t tile_sum_bytes(const TileGrid& g) {
  return g.slices > 1 ? static_cast<std::size_t>(g.slices) * 2 * static_cast<std::size_t>(tiled_channels(g)) * 8 : 0;
}

/// Adds the lanes of each column in a tree of fixed shape; the totals are in the places of lane 0.
template <class T>
__device__ void sum_lanes(const TileGrid& g, const TileThread& t, const T (&values)[kTileSums],
                          T (&shared)[kTileSums][kTileThreads]) {
  const int here = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int j = 0; j < kTileSums; ++j) {
    shared[j][here] = values[j];
  }
  for (int n = g.lanes; n > 1; n = (n + 1) / 2) {
    const int half = (n + 1) / 2;
    __syncthreads();
    if (t.lane < n - half) {
#pragma unroll
      for (int j = 0; j < kTileSums; ++j) {
        shared[j][here] += shared[j][here + half * g.columns];
      }
    }
  }
  __syncthreads();
}

/// Adds the sums of all threads and calls finish(channel, first, second) once for each channel. All threads of all
/// blocks call it. `partials` holds tile_sum_bytes, `tickets` a zero for each tile.
template <class T, class Finish>
__device__ void finish_tile_sum(const TileGrid& g, const TileThread& t, const T (&values)[kTileSums], T* partials,
                                unsigned* tickets, Finish finish) {
  __shared__ T shared[kTileSums][kTileThreads];
  sum_lanes(g, t, values, shared);
  if (g.slices > 1) {
    const std::int64_t pitch = static_cast<std::int64_t>(g.tiles) * g.columns * kQuad;
    for_each_tile_channel(g, [&](int i, std::int64_t channel) {
      T* slice = partials + static_cast<std::int64_t>(blockIdx.x) * 2 * pitch + channel;
      slice[0] = shared[i % kQuad][i / kQuad];
      slice[pitch] = shared[kQuad + i % kQuad][i / kQuad];
    });
    if (!is_last_block(tickets + blockIdx.y, gridDim.x)) {
      return;
    }
    T sums[kTileSums] = {};
    for (int s = t.lane; s < g.slices && t.lane < g.lanes; s += g.lanes) {
      const T* slice = partials + s * 2 * pitch + t.channel;
#pragma unroll
      for (int j = 0; j < kQuad; ++j) {
        if (j < t.count) {
          sums[j] += __ldcg(slice + j);
          sums[kQuad + j] += __ldcg(slice + pitch + j);
        }
      }
    }
    sum_lanes(g, t, sums, shared);
  }
  for_each_tile_channel(g, [&](int i, std::int64_t channel) {
    finish(channel, shared[i % kQuad][i / kQuad], shared[kQuad + i % kQuad][i / kQuad]);
  });
}

}  // namespace bnas::cuda
