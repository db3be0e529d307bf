// SPDX-License-Identifier: Apache-2.0
// How the blocks of a grid share a matrix (rows, channels): blockIdx.y is a tile of channels, blockIdx.x a slice of
// rows. A thread keeps four neighbouring channels, its column, and with them their constants in registers; it visits
// every lanes-th row of its block's slice.
#pragma once

#include "bnas/cuda/batch_norm.hpp"
#include "support/packed_rows.cuh"

namespace bnas::cuda {

inline constexpr int kTileThreads = 256;
inline constexpr int kTileColumns = 32;
inline constexpr int kTileChannels = kTileColumns * kQuad;

struct TileGrid {
  std::int64_t rows, channels;
  std::int64_t slice_rows;  // a multiple of lanes
  int columns;              // of a tile
  int lanes;                // rows that a block visits at once: columns * lanes <= kTileThreads
  int tiles, slices;

  dim3 grid() const { return dim3(static_cast<unsigned>(slices), static_cast<unsigned>(tiles)); }
};

/// What a kernel wants of its grid.
struct TileLimits {
  int columns = kTileColumns;  // at most
  int column_unit = 1;         // kWordThreads where threads of a word must be neighbours in a warp
  int block_values;
  int blocks;
};

inline TileGrid tile_grid(std::int64_t rows, std::int64_t channels, const TileLimits& limits) {
  TileGrid g{};
  g.rows = rows;
  g.channels = channels;
  const int unit_channels = kQuad * limits.column_unit;
  const std::int64_t columns = (channels + unit_channels - 1) / unit_channels * limits.column_unit;
  g.columns = static_cast<int>(std::min<std::int64_t>(columns, limits.columns));
  g.lanes = kTileThreads / g.columns;
  g.tiles = static_cast<int>((columns + g.columns - 1) / g.columns);
  const std::int64_t block_rows = std::max<std::int64_t>(limits.block_values / (g.columns * kQuad), 1);
  const std::int64_t wanted =
      std::min<std::int64_t>((rows + block_rows - 1) / block_rows, std::max(limits.blocks / g.tiles, 1));
  const std::int64_t lanes = g.lanes;
  g.slice_rows = ((rows + wanted - 1) / wanted + lanes - 1) / lanes * lanes;
  g.slices = static_cast<int>((rows + g.slice_rows - 1) / g.slice_rows);
  return g;
}

/// A thread's place in its block.
struct TileThread {
  int column, lane;
  std::int64_t channel;  // the first of four
  int count;             // of them that exist; 0 where the thread has no lane

  __device__ explicit TileThread(const TileGrid& g)
      : column(static_cast<int>(threadIdx.x) % g.columns),
        lane(static_cast<int>(threadIdx.x) / g.columns),
        channel((static_cast<std::int64_t>(blockIdx.y) * g.columns + column) * kQuad) {
    const std::int64_t left = g.channels - channel;
    count = lane >= g.lanes || left <= 0 ? 0 : left < kQuad ? static_cast<int>(left) : kQuad;
  }
};

/// Four channels of a row of the matrix.
struct TileQuad : Quad {
  std::int64_t row;
};

/// Calls visit(quad) for the rows of this thread; all threads of a block make the same number of calls, those without a
/// row with quad.count 0.
template <class Visit>
__device__ void for_each_tile_row(const TileGrid& g, const TileThread& t, Visit visit) {
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * g.slice_rows;
  const std::int64_t end = min(begin + g.slice_rows, g.rows);
  const std::int64_t words = words_for(g.channels);
  const bool whole = g.channels % kQuad == 0;
#pragma unroll 4
  for (std::int64_t first = begin; first < end; first += g.lanes) {
    const std::int64_t row = first + t.lane;
    const int count = row < end ? t.count : 0;
    visit(TileQuad{{row * words + t.channel / kWordBits, row * g.channels + t.channel,
                    static_cast<int>(t.channel % kWordBits), count, whole && count == kQuad},
                   row});
  }
}

/// Calls visit(i, channel) for the channels of this block's tile, one thread each; i counts from 0.
template <class Visit>
__device__ void for_each_tile_channel(const TileGrid& g, Visit visit) {
  const int i = static_cast<int>(threadIdx.x);
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.y) * g.columns * kQuad + i;
  if (i < g.columns * kQuad && channel < g.channels) {
    visit(i, channel);
  }
}

/// Three numbers for each of a thread's channels; 0 for channels that do not exist.
struct ColumnConstants {
  Four<float> a, b, c;
};

/// compute(channel, a, b, c) runs in one thread for each channel: it may use double precision, slow on many GPUs. All
/// threads of the block call this.
template <class Compute>
__device__ ColumnConstants column_constants(const TileGrid& g, const TileThread& t, Compute compute) {
  __shared__ Four<float> shared[3][kTileColumns];
  const int i = static_cast<int>(threadIdx.x);
  if (i < g.columns * kQuad) {
    float a = 0.0F, b = 0.0F, c = 0.0F;
    for_each_tile_channel(g, [&](int, std::int64_t channel) { compute(channel, a, b, c); });
    shared[0][i / kQuad].v[i % kQuad] = a;
    shared[1][i / kQuad].v[i % kQuad] = b;
    shared[2][i / kQuad].v[i % kQuad] = c;
  }
  __syncthreads();
  return {shared[0][t.column], shared[1][t.column], shared[2][t.column]};
}

}  // namespace bnas::cuda
