// SPDX-License-Identifier: Apache-2.0
// What the variants share: arguments, shared memory, the correction at the border, and how a block's dot products
// leave.
//
// A block keeps its dot products in shared memory, in the type of y. Partial sums over channel chunks are dot products
// themselves, so that they fit that type.
#pragma once

#include "binary_conv2d/shared_layout.hpp"
#include "support/conv_patch.cuh"
#include "support/last_block.cuh"

namespace bnas::cuda {

/// Where sums per filter go; see binary_conv2d().
struct FilterSums {
  std::int64_t* added = nullptr;  // 2 O, to which blocks add; null: no sums are wanted
  std::int64_t* taken = nullptr;  // 2 O, to which the last block of a filter moves them; null: they stay
  unsigned* tickets = nullptr;    // one for each tile of filters, where they are moved
};

struct BinaryConvArgs {
  Conv2dDims dims;
  ConvTile tile;
  SharedLayout layout;
  const Word* x;
  const Word* w;
  void* y;
  FilterSums sums;
};

Status launch_popcount(const BinaryConvArgs& args, int threads, cudaStream_t stream);
Status launch_tensor_b1(const BinaryConvArgs& args, int threads, cudaStream_t stream);
Status launch_tensor_s8(const BinaryConvArgs& args, int threads, cudaStream_t stream);

/// Calls launch(T{}) with y's type T.
template <class Launch>
void with_dot_type(const Conv2dDims& d, Launch launch) {
  const int bytes = dot_bytes(d.k());
  bytes == 1 ? launch(std::int8_t{}) : bytes == 2 ? launch(std::int16_t{}) : launch(std::int32_t{});
}

/// Channel words [first, first + words) are staged together; `channels` of their bits are in use.
struct Chunk {
  int first, words, channels, taps;

  __device__ Chunk(const Conv2dDims& d, int chunk_words, int begin)
      : first(begin),
        words(min(chunk_words, static_cast<int>(words_for(d.c)) - begin)),
        channels(min(words * kWordBits, d.c - begin * kWordBits)),
        taps(d.kh * d.kw) {}

  __device__ int k() const { return taps * words; }
};

/// Shared memory of a block. K words are ordered by tap, then by channel word.
template <class T>
struct ConvBlock {
  const BinaryConvArgs& args;
  unsigned char* shared;
  BlockPart part;
  PixelTable pixels;

  __device__ ConvBlock(const BinaryConvArgs& a, unsigned char* memory)
      : args(a), shared(memory), part(block_part(a.dims, a.tile)), pixels(memory + a.layout.pixels, a.tile.pixels()) {
    pixels.fill(a.dims, a.tile, part);
  }

  __device__ int* offsets() const { return reinterpret_cast<int*>(shared + args.layout.offsets); }
  __device__ Word* patch() const { return reinterpret_cast<Word*>(shared + args.layout.patch); }
  __device__ Word* weights() const { return reinterpret_cast<Word*>(shared + args.layout.weights); }
  __device__ std::uint16_t* ones() const { return reinterpret_cast<std::uint16_t*>(shared + args.layout.ones); }
  __device__ T* output(int pixel) const {
    return reinterpret_cast<T*>(shared + args.layout.output + pixel * args.layout.output_row);
  }

  __device__ void stage_offsets(const Chunk& chunk) const {
    const int kw = args.dims.kw;
    for (int i = static_cast<int>(threadIdx.x); i < chunk.k(); i += static_cast<int>(blockDim.x)) {
      const int tap = i / chunk.words;
      offsets()[i] = i % chunk.words * args.layout.plane + tap / kw * args.tile.patch_w + tap % kw;
    }
  }

  /// Bits outside the image are 0.
  __device__ void stage_patch(const Chunk& chunk) const {
    for_each_patch_word(args.dims, args.tile, part, chunk.first, chunk.words,
                        [&](int pixel, int word, std::int64_t where) {
                          patch()[word * args.layout.plane + pixel] = where < 0 ? 0U : args.x[where];
                        });
  }

  /// Calls visit(k, filter, word) for K words below `padded` of every filter of the tile; 0 beyond the chunk and beyond
  /// the last filter.
  template <class Visit>
  __device__ void for_each_weight(const Chunk& chunk, int padded, Visit visit) const {
    const int words = static_cast<int>(words_for(args.dims.c));
    for (int i = static_cast<int>(threadIdx.x); i < padded * args.tile.filters; i += static_cast<int>(blockDim.x)) {
      const int filter = i / padded;
      const int k = i % padded;
      Word word = 0U;
      if (filter < part.filters && k < chunk.k()) {
        word = args.w[(std::int64_t{part.o + filter} * chunk.taps + k / chunk.words) * words + chunk.first +
                      k % chunk.words];
      }
      visit(k, filter, word);
    }
  }

  /// ones[y][x][filter] = 1 bits of the weights at taps above y and left of x. weight_at(k, filter) reads a staged
  /// word; all threads call it, the weights being staged before, and it ends with a barrier.
  template <class WeightAt>
  __device__ void sum_ones(const Chunk& chunk, WeightAt weight_at) const {
    const int kh = args.dims.kh;
    const int kw = args.dims.kw;
    const int filters = args.tile.filters;
    const int row = (kw + 1) * filters;
    for (int i = static_cast<int>(threadIdx.x); i < (kh + 1) * filters; i += static_cast<int>(blockDim.x)) {
      const int filter = i % filters;
      const int y = i / filters;
      int sum = 0;
      ones()[y * row + filter] = 0;
      for (int x = 0; x < kw; ++x) {
        for (int word = 0; y > 0 && word < chunk.words; ++word) {
          sum += __popc(weight_at(((y - 1) * kw + x) * chunk.words + word, filter));
        }
        ones()[y * row + (x + 1) * filters + filter] = static_cast<std::uint16_t>(sum);
      }
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < row; i += static_cast<int>(blockDim.x)) {
      int sum = 0;
      for (int y = 1; y <= kh; ++y) {
        sum += ones()[y * row + i];
        ones()[y * row + i] = static_cast<std::uint16_t>(sum);
      }
    }
    __syncthreads();
  }

  /// 1 bits of a filter's weights over the window.
  __device__ int ones_in(const Window& w, int filter) const {
    const std::uint16_t* table = ones() + filter;
    const int filters = args.tile.filters;
    const int row = (args.dims.kw + 1) * filters;
    return table[w.y1 * row + w.x1 * filters] - table[w.y0 * row + w.x1 * filters] -
           table[w.y1 * row + w.x0 * filters] + table[w.y0 * row + w.x0 * filters];
  }
  __device__ int ones_in_all(int filter) const {
    return ones()[(args.dims.kh * (args.dims.kw + 1) + args.dims.kw) * args.tile.filters + filter];
  }

  /// Keeps a dot product over the chunk's channels.
  __device__ void keep(const Chunk& chunk, int pixel, int filter, int dot) const {
    T& kept = output(pixel)[filter];
    kept = static_cast<T>(chunk.first == 0 ? dot : kept + dot);
  }

  /// Writes y and adds to the sums, after a barrier.
  __device__ void finish() const {
    const std::int64_t first_pixel = (std::int64_t{part.n} * args.dims.oh() + part.oy) * args.dims.ow() + part.ox;
    T* y = static_cast<T*>(args.y) + first_pixel * args.dims.o + part.o;
    const auto together = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(y)) |
                          static_cast<unsigned>((part.filters | args.dims.o) * static_cast<int>(sizeof(T)));
    if (together % sizeof(uint4) == 0) {
      write<uint4>(y);
    } else if (together % sizeof(Word) == 0) {
      write<Word>(y);
    } else {
      write<T>(y);
    }
    if (args.sums.added != nullptr) {
      add_sums();
      if (args.sums.taken != nullptr) {
        take_sums();
      }
    }
  }

 private:
  /// Neighbouring threads write neighbouring vectors V.
  template <class V>
  __device__ void write(T* y) const {
    constexpr int kWidth = static_cast<int>(sizeof(V) / sizeof(T));
    const int vectors = part.filters / kWidth;
    for (int i = static_cast<int>(threadIdx.x); i < part.pixels() * vectors; i += static_cast<int>(blockDim.x)) {
      const int pixel = i / vectors;
      const int at = i % vectors * kWidth;
      *reinterpret_cast<V*>(y + std::int64_t{pixels.output[pixel]} * args.dims.o + at) =
          *reinterpret_cast<const V*>(output(pixel) + at);
    }
  }

  /// blockDim.x is a multiple of the 32 filters that a thread's warp takes together.
  __device__ void add_sums() const {
    const int lanes = static_cast<int>(blockDim.x) / kWordBits;
    for (int f = static_cast<int>(threadIdx.x) % kWordBits; f < part.filters; f += kWordBits) {
      long long sum = 0;
      long long squares = 0;
      for (int i = static_cast<int>(threadIdx.x) / kWordBits; i < part.pixels(); i += lanes) {
        const long long dot = output(i)[f];
        sum += dot;
        squares += dot * dot;
      }
      atomicAdd(added(f), static_cast<unsigned long long>(sum));
      atomicAdd(added(args.dims.o + f), static_cast<unsigned long long>(squares));
    }
  }

  /// The last block of these filters moves their sums and leaves zeros.
  __device__ void take_sums() const {
    const auto tiles = static_cast<unsigned>(args.tile.tiles_o);
    if (!is_last_block(args.sums.tickets + blockIdx.x % tiles, gridDim.x / tiles)) {
      return;
    }
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < 2 * part.filters; i += static_cast<int>(blockDim.x)) {
      const int at = i < part.filters ? i : args.dims.o + i - part.filters;
      args.sums.taken[part.o + at] = static_cast<std::int64_t>(atomicExch(added(at), 0ULL));
    }
  }

  __device__ unsigned long long* added(int at) const {
    return reinterpret_cast<unsigned long long*>(args.sums.added) + part.o + at;
  }
};

}  // namespace bnas::cuda
