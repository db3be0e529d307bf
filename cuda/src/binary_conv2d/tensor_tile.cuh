// SPDX-License-Identifier: Apache-2.0
// What the variants on tensor cores share: bits in shared memory, and 16 pixels x 32 filters for a warp at a time.
#pragma once

#include "binary_conv2d/block.cuh"

namespace bnas::cuda {

inline constexpr int kColumnFilters = 8;  // of one instruction
inline constexpr int kColumns = kGroupFilters / kColumnFilters;

template <int kNumber>
struct Column {
  static constexpr int number = kNumber;
  static constexpr int filter = kNumber * kColumnFilters;  // its first one, of the group
};

/// A group of filters, [first, first + count) of the block's.
struct FilterGroup {
  int number, first, count;

  __device__ FilterGroup(int which, int filters)
      : number(which), first(which * kGroupFilters), count(min(filters - first, kGroupFilters)) {}

  /// Calls visit(Column) for each column that has filters: a tile has memory for no others.
  template <class Visit>
  __device__ void for_each_column(Visit visit) const {
    visit(Column<0>());
    if (count > Column<1>::filter) {
      visit(Column<1>());
    }
    if (count > Column<2>::filter) {
      visit(Column<2>());
    }
    if (count > Column<3>::filter) {
      visit(Column<3>());
    }
  }
};

/// 16 pixels x a group of filters: lane 4 row + quad sees pixels `pixel[0]` = first + row and `pixel[1]` = first + row
/// + 8, clamped to the last one, and accumulates filters 8 column + 2 quad + {0, 1} of both.
struct TensorTile {
  int row, quad;
  int first_pixel;
  int pixel[2];
  int ones[4] = {};  // 1 bits of the input under the window of pixel[i]: ones[2 i], where they are wanted
  int c[kColumns][4] = {};

  __device__ TensorTile(int first, int pixels)
      : row(static_cast<int>(threadIdx.x) % 32 / 4),
        quad(static_cast<int>(threadIdx.x) % 4),
        first_pixel(first),
        pixel{min(first + row, pixels - 1), min(first + row + 8, pixels - 1)} {}
};

template <class T>
struct alignas(2 * sizeof(T)) DotPair {
  T v[2];
};

/// Writes the staged outputs of 16 pixels; neighbouring lanes write neighbouring vectors V.
template <class V, class T>
__device__ void write_outputs(const ConvBlock<T>& block, const FilterGroup& group, int first_pixel,
                              const unsigned char* staged) {
  constexpr int kVectors = kGroupFilters * static_cast<int>(sizeof(T)) / static_cast<int>(sizeof(V));
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int filter = lane % kVectors * (kGroupFilters / kVectors);
  const int first = lane / kVectors;
  const int pixels = block.part.pixels() - first_pixel;
  T* y = block.y + group.first + filter;
#pragma unroll
  for (int i = 0; i < kTilePixels; i += 32 / kVectors) {
    const int pixel = first + i;
    if (filter < group.count && pixel < pixels) {
      const std::int64_t output = block.outputs()[first_pixel + pixel];
      *reinterpret_cast<V*>(y + output * block.args.dims.o) =
          reinterpret_cast<const V*>(staged + pixel * block.args.layout.output_row)[lane % kVectors];
    }
  }
}

/// Dot products of a tile over the chunk's channels go to `staged` [pixel][filter]: a warp's own memory, which it keeps
/// from chunk to chunk where there are several. Partial sums are dot products themselves, so that they fit T. The last
/// chunk writes y and adds to the moments.
template <bool kIsAnd, class T>
__device__ void finish_tile(const ConvBlock<T>& block, const Chunk& chunk, const FilterGroup& group,
                            const TensorTile& tile, unsigned char* staged, FilterMoments<T, 2 * kColumns>& moments) {
  const bool sums = chunk.last && block.args.sums.added != nullptr;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int* base = block.base() + block.windows()[tile.pixel[half]] + group.first + 2 * tile.quad;
    auto* row = reinterpret_cast<T*>(staged + (tile.row + 8 * half) * block.args.layout.output_row) + 2 * tile.quad;
    const bool counts = sums && tile.first_pixel + tile.row + 8 * half < block.part.pixels();
    group.for_each_column([&](auto column) {
      const int2 part = *reinterpret_cast<const int2*>(base + column.filter);
      auto* kept = reinterpret_cast<DotPair<T>*>(row + column.filter);
      const int input = kIsAnd ? -2 * tile.ones[2 * half] : 0;
      int dot[2] = {part.x + input + (kIsAnd ? 4 : -2) * tile.c[column.number][2 * half],
                    part.y + input + (kIsAnd ? 4 : -2) * tile.c[column.number][2 * half + 1]};
      if (chunk.first > 0) {
        dot[0] += kept->v[0];
        dot[1] += kept->v[1];
      }
      *kept = {{static_cast<T>(dot[0]), static_cast<T>(dot[1])}};
      if (counts) {
        moments.add(2 * column.number, dot[0]);
        moments.add(2 * column.number + 1, dot[1]);
      }
    });
  }
  if (!chunk.last) {
    return;
  }
  __syncwarp();
  if (block.vector_bytes >= static_cast<int>(sizeof(uint4))) {
    write_outputs<uint4>(block, group, tile.first_pixel, staged);
  } else if (block.vector_bytes >= static_cast<int>(sizeof(Word))) {
    write_outputs<Word>(block, group, tile.first_pixel, staged);
  } else {
    write_outputs<T>(block, group, tile.first_pixel, staged);
  }
  __syncwarp();
}

/// What a warp summed up over its pixels, to its part of the group's moments.
template <class T>
__device__ void keep_moments(const ConvBlock<T>& block, const FilterGroup& group,
                             FilterMoments<T, 2 * kColumns>& moments) {
  const int row = static_cast<int>(threadIdx.x) % 32 / 4;
  const int quad = static_cast<int>(threadIdx.x) % 4;
  const int warps = static_cast<int>(blockDim.x) / 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  std::int64_t* to = block.moments() + (group.number * warps + warp) * 2 * kGroupFilters;
  const int filter = row / 2 * kColumnFilters + 2 * quad + row % 2;
  to[filter] = sum_over_rows(moments.sum, row);
  to[kGroupFilters + filter] = sum_over_rows(moments.square, row);
}

/// The convolution of a block. Product::accumulate(tile, group, above, below, offsets, weights) adds the products of
/// kWords words to tile.c, and the 1 bits of both pixels to tile.ones where kIsAnd; words beyond K are 0.
template <class Product, class T>
__device__ void tensor_conv2d(const ConvBlock<T>& block) {
  const BinaryConvArgs& args = block.args;
  const int words = static_cast<int>(words_for(args.dims.c));
  const int warps = static_cast<int>(blockDim.x) / 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int pixels = block.part.pixels();
  const int tiles = (pixels + kTilePixels - 1) / kTilePixels;
  const int groups = (block.part.filters + kGroupFilters - 1) / kGroupFilters;
  const bool chunked = args.tile.words < words;
  for (int i = static_cast<int>(threadIdx.x); i < args.layout.plane; i += static_cast<int>(blockDim.x)) {
    block.patch()[args.tile.words * args.layout.plane + i] = 0U;  // what K words beyond the last one read
  }
  for (int first = 0; first < words; first += args.tile.words) {
    const Chunk chunk(args.dims, args.tile.words, first);
    const int padded = (chunk.k() + Product::kWords - 1) / Product::kWords * Product::kWords;
    block.stage_patch(chunk);
    block.template stage_weights<Product>(chunk, padded);
    __syncthreads();
    block.template fill_base<Product>(chunk);
    for (int number = 0; number < groups; ++number) {
      const FilterGroup group(number, block.part.filters);
      FilterMoments<T, 2 * kColumns> moments;
      // Warps go on where those of the group before ended.
      const int begin = number == 0 ? warp : (warp + warps - number * tiles % warps) % warps;
      for (int unit = begin; unit < tiles; unit += warps) {
        TensorTile tile(unit * kTilePixels, pixels);
        const Word* above = block.patch() + block.inputs()[tile.pixel[0]];
        const Word* below = block.patch() + block.inputs()[tile.pixel[1]];
        const Word* w = block.weights() + (group.first + tile.row) * Product::kWords;
#pragma unroll 1  // steps are long, and registers scarce
        for (int k = 0; k < padded; k += Product::kWords, w += args.layout.weight_row) {
          Product::accumulate(tile, group, above, below, block.offsets() + k, w);
        }
        unsigned char* staged = block.shared + args.layout.output +
                                (chunked ? number * tiles + unit : warp) * kTilePixels * args.layout.output_row;
        finish_tile<Product::kIsAnd>(block, chunk, group, tile, staged, moments);
      }
      if (chunk.last && args.sums.added != nullptr) {
        keep_moments(block, group, moments);
      }
    }
    __syncthreads();
  }
  if (args.sums.added != nullptr) {
    for (int number = 0; number < groups; ++number) {
      const FilterGroup group(number, block.part.filters);
      add_moments(args.sums, args.dims.o, block.moments() + number * warps * 2 * kGroupFilters, warps, kGroupFilters,
                  block.part.o + group.first, group.count);
    }
    if (args.sums.taken != nullptr) {
      take_sums(args.sums, args.dims.o, args.tile, block.part);
    }
  }
}

}  // namespace bnas::cuda
