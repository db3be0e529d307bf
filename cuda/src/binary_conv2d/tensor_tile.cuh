// SPDX-License-Identifier: Apache-2.0
// What the variants on tensor cores share: bits in shared memory, and 16 pixels x 32 filters for a warp at a time.
#pragma once

#include "binary_conv2d/block.cuh"

namespace bnas::cuda {

inline constexpr int kTilePixels = 16;
inline constexpr int kColumnFilters = 8;  // of one instruction
inline constexpr int kColumns = 4;

/// One warp's tile: a lane sees pixels `pixel[0]` and `pixel[1]` = row and row + 8, clamped to the last one, and
/// accumulates filters first_filter + 8 column + 2 quad + {0, 1} of both.
struct TensorTile {
  int row, quad;
  int first_pixel, first_filter;
  int columns;           // in use, the same in every lane
  int column[kColumns];  // first filter of each behind first_filter; those not in use repeat the last one
  int pixel[2];
  int c[kColumns][4];

  __device__ TensorTile(int unit, int pixels, int filters)
      : row(static_cast<int>(threadIdx.x) % 32 / 4), quad(static_cast<int>(threadIdx.x) % 4), c{} {
    const int groups = (filters + kColumns * kColumnFilters - 1) / (kColumns * kColumnFilters);
    first_pixel = unit / groups * kTilePixels;
    first_filter = unit % groups * kColumns * kColumnFilters;
    columns = min(kColumns, (filters - first_filter + kColumnFilters - 1) / kColumnFilters);
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      column[i] = min(i, columns - 1) * kColumnFilters;
    }
    pixel[0] = min(first_pixel + row, pixels - 1);
    pixel[1] = min(first_pixel + row + 8, pixels - 1);
  }

  static __device__ int count(int pixels, int filters) {
    constexpr int kFilters = kColumns * kColumnFilters;
    return (pixels + kTilePixels - 1) / kTilePixels * ((filters + kFilters - 1) / kFilters);
  }

  /// Calls visit(half, filter, c) for what this lane accumulated; half 0 is pixel[0], half 1 pixel[1].
  template <class Visit>
  __device__ void for_each(int pixels, Visit visit) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (first_pixel + row + 8 * half < pixels) {
#pragma unroll
        for (int i = 0; i < kColumns * 2; ++i) {
          if (i / 2 < columns) {
            visit(half, first_filter + i / 2 * kColumnFilters + 2 * quad + i % 2, c[i / 2][2 * half + i % 2]);
          }
        }
      }
    }
  }
};

/// Calls visit(tile) for each of this warp's tiles.
template <class Visit>
__device__ void for_each_tile(int pixels, int filters, Visit visit) {
  const int warps = static_cast<int>(blockDim.x) / 32;
  for (int unit = static_cast<int>(threadIdx.x) / 32; unit < TensorTile::count(pixels, filters); unit += warps) {
    TensorTile tile(unit, pixels, filters);
    visit(tile);
  }
}

/// Where word `k` of a filter lies: [k / kWords][filter][kWords], in the order that Product wants within a fragment.
template <class Product>
__device__ int fragment_index(int k, int filter, int filters) {
  return (k / Product::kWords * filters + filter) * Product::kWords + Product::place(k % Product::kWords);
}

/// The convolution of a block. Product::accumulate(tile, ones, above, below, offsets, weights) adds the products of
/// kWords words to tile.c, and the 1 bits of both pixels to ones[0] and ones[2] where kIsAnd; words beyond K are 0.
/// AND form: dot = 4 pop(a & w) - 2 pop(a) + K_v - 2 pop(w inside), where zeros outside the image and beyond K drop
/// out. XOR form: dot = K_v - 2 (pop(a ^ w) - pop(w outside)).
template <class Product, class T>
__device__ void tensor_conv2d(const ConvBlock<T>& block) {
  const BinaryConvArgs& args = block.args;
  const Word* patch = block.patch();
  const Word* weights = block.weights();
  const int* offsets = block.offsets();
  const int filters = args.tile.filters;
  const int zeros = args.tile.words * args.layout.plane;  // the plane that K words beyond the last one read
  const int words = static_cast<int>(words_for(args.dims.c));
  for (int i = static_cast<int>(threadIdx.x); i < args.layout.plane; i += static_cast<int>(blockDim.x)) {
    block.patch()[zeros + i] = 0U;
  }
  for (int first = 0; first < words; first += args.tile.words) {
    const Chunk chunk(args.dims, args.tile.words, first);
    const int padded = (chunk.k() + Product::kWords - 1) / Product::kWords * Product::kWords;
    block.stage_offsets(chunk);
    for (int i = chunk.k() + static_cast<int>(threadIdx.x); i < padded; i += static_cast<int>(blockDim.x)) {
      block.offsets()[i] = zeros;
    }
    block.stage_patch(chunk);
    block.for_each_weight(chunk, padded, [&](int k, int filter, Word word) {
      block.weights()[fragment_index<Product>(k, filter, filters)] = word;
    });
    __syncthreads();
    block.sum_ones(chunk, [&](int k, int filter) { return weights[fragment_index<Product>(k, filter, filters)]; });
    for_each_tile(block.part.pixels(), block.part.filters, [&](TensorTile& tile) {
      const Word* above = patch + block.pixels.patch[tile.pixel[0]];
      const Word* below = patch + block.pixels.patch[tile.pixel[1]];
      const Word* w = weights + (tile.first_filter + tile.row) * Product::kWords;
      int ones[4] = {};
      for (int k = 0; k < padded; k += Product::kWords) {
        Product::accumulate(tile, ones, above, below, offsets + k, w);
        w += filters * Product::kWords;
      }
      Window valid[2];
      for (int half = 0; half < 2; ++half) {
        valid[half] = Window::unpacked(block.pixels.window[tile.pixel[half]]);
      }
      tile.for_each(block.part.pixels(), [&](int half, int filter, int count) {
        const int taps = valid[half].taps();
        const int all = block.ones_in_all(filter);
        const int inside = taps == chunk.taps ? all : block.ones_in(valid[half], filter);
        const int dot = Product::kIsAnd ? 4 * count - 2 * ones[2 * half] + taps * chunk.channels - 2 * inside
                                        : dot_from_mismatches(taps * chunk.channels, count - (all - inside));
        block.keep(chunk, tile.pixel[half], filter, dot);
      });
    });
    __syncthreads();
  }
  block.finish();
}

}  // namespace bnas::cuda
