// SPDX-License-Identifier: Apache-2.0
// What the variants share: arguments, how a block stages its operands in shared memory, and the part of dot products
// that does not depend on the input.
#pragma once

#include "binary_conv2d/filter_moments.cuh"
#include "binary_conv2d/shared_layout.hpp"
#include "support/launch.cuh"

namespace bnas::cuda {

struct BinaryConvArgs {
  Conv2dDims dims;
  ConvTile tile;
  SharedLayout layout;
  AxisClasses rows, columns;  // of outputs
  const Word* x;
  const Word* w;
  void* y;
  FilterSums sums;
};

Status launch_popcount(const BinaryConvArgs& args, int threads, cudaStream_t stream);
Status launch_tensor_b1(const BinaryConvArgs& args, int threads, cudaStream_t stream);
Status launch_tensor_s8(const BinaryConvArgs& args, int threads, cudaStream_t stream);

template <class Kernel>
Status launch_conv(Kernel* kernel, const BinaryConvArgs& args, int threads, cudaStream_t stream, const char* name) {
  const cudaError_t error = allow_shared(kernel, args.layout.bytes);
  if (error != cudaSuccess) {
    return from_cuda(error, name);
  }
  kernel<<<static_cast<unsigned>(args.tile.blocks()), static_cast<unsigned>(threads),
           static_cast<std::size_t>(args.layout.bytes), stream>>>(args);
  return launched(name);
}

/// Calls launch(T{}) with y's type T.
template <class Launch>
Status with_dot_type(const Conv2dDims& d, Launch launch) {
  const int bytes = dot_bytes(d.k());
  return bytes == 1 ? launch(std::int8_t{}) : bytes == 2 ? launch(std::int16_t{}) : launch(std::int32_t{});
}

/// Channel words [first, first + words) are staged together; `channels` of their bits are in use.
struct Chunk {
  int first, words, channels, taps;
  bool last;

  __device__ Chunk(const Conv2dDims& d, int chunk_words, int begin)
      : first(begin),
        words(min(chunk_words, static_cast<int>(words_for(d.c)) - begin)),
        channels(min(words * kWordBits, d.c - begin * kWordBits)),
        taps(d.kh * d.kw),
        last(begin + words == words_for(d.c)) {}

  __device__ int k() const { return taps * words; }
};

/// How the lanes of the block's warps share rows of `length` items: as many whole rows as a warp has room for at a
/// time, or one, 32 items at a time.
struct RowLanes {
  int row = static_cast<int>(threadIdx.x) / 32;   // the thread's first row
  int rows = static_cast<int>(blockDim.x) / 32;   // the step to its next
  int item = static_cast<int>(threadIdx.x) % 32;  // its first item; the next is 32 further

  __device__ explicit RowLanes(int length) {
    if (length <= 16) {
      const int together = 32 / length;
      const int of_warp = item / length;
      item = of_warp < together ? item - of_warp * length : length;  // the rest is idle
      row = row * together + of_warp;
      rows *= together;
    }
  }
};

/// Shared memory of a block. K words are ordered by tap, then by channel word.
template <class T>
struct ConvBlock {
  const BinaryConvArgs& args;
  unsigned char* shared;
  BlockPart part;
  T* y;                                  // outputs of the block's first pixel, from its first filter on
  int vector_bytes;                      // a power of two up to 16: rows of outputs begin at, and are, multiples
  int first_row, first_column, columns;  // classes of windows in this tile: those of rows and columns from these on

  __device__ ConvBlock(const BinaryConvArgs& a, unsigned char* memory)
      : args(a),
        shared(memory),
        part(block_part(a.dims, a.tile, a.rows.outputs, a.columns.outputs)),
        y(static_cast<T*>(a.y) +
          ((std::int64_t{part.n} * a.rows.outputs + part.oy) * a.columns.outputs + part.ox) * a.dims.o + part.o),
        vector_bytes(power_of_two_in(static_cast<int>(reinterpret_cast<std::uintptr_t>(y) % 16) |
                                     (part.filters | a.dims.o) * static_cast<int>(sizeof(T)) | 16)),
        first_row(a.rows.of(part.oy)),
        first_column(a.columns.of(part.ox)),
        columns(a.columns.of(part.ox + part.cols - 1) - first_column + 1) {
    for (int i = static_cast<int>(threadIdx.x); i < part.pixels(); i += static_cast<int>(blockDim.x)) {
      const Pixel p = Pixel::at(i, part.rows, part.cols);
      const int row = args.rows.of(part.oy + p.y) - first_row;
      const int column = args.columns.of(part.ox + p.x) - first_column;
      inputs()[i] = (p.n * args.tile.patch_h + p.y * args.dims.stride_h) * args.tile.patch_w + p.x * args.dims.stride_w;
      outputs()[i] = (p.n * args.rows.outputs + p.y) * args.columns.outputs + p.x;
      windows()[i] = (row * columns + column) * args.tile.filters;
    }
  }

  /// Of each pixel of the tile: its window in the patch, its output behind the first, and its class in base().
  __device__ int* inputs() const { return at<int>(args.layout.pixels); }
  __device__ int* outputs() const { return inputs() + args.tile.pixels(); }
  __device__ int* windows() const { return outputs() + args.tile.pixels(); }

  __device__ int* offsets() const { return at<int>(args.layout.offsets); }
  __device__ Word* patch() const { return at<Word>(args.layout.patch); }
  __device__ Word* weights() const { return at<Word>(args.layout.weights); }
  __device__ int* base() const { return at<int>(args.layout.base); }
  __device__ std::int64_t* moments() const { return at<std::int64_t>(args.layout.moments); }
  template <class V>
  __device__ V* at(int offset) const {
    return reinterpret_cast<V*>(shared + offset);
  }

  /// Words of the patch; bits outside the image are 0. Rows of the image are read in a row.
  __device__ void stage_patch(const Chunk& chunk) const {
    const Conv2dDims& d = args.dims;
    const ConvTile& t = args.tile;
    const int all_words = static_cast<int>(words_for(d.c));
    const int left = part.ox * d.stride_w - d.pad_w.begin;
    const int top = part.oy * d.stride_h - d.pad_h.begin;
    const int length = t.patch_w * chunk.words;
    const std::int64_t pitch = std::int64_t{d.w} * all_words;
    const Word* image = args.x + (std::int64_t{part.n} * d.h + top) * pitch + chunk.first;  // may begin above it
    const RowLanes lanes(length);
    for (int item = lanes.item; item < length; item += 32) {
      const int column = item / chunk.words;
      const int word = item - column * chunk.words;
      const int x = left + column;
      const Word* from = image + std::int64_t{x} * all_words + word + lanes.row * pitch;
      Word* to = patch() + word * args.layout.plane + column + lanes.row * t.patch_w;
      int iy = lanes.row;
#pragma unroll 2
      for (int row = lanes.row; row < part.images * t.patch_h; row += lanes.rows) {
        for (; iy >= t.patch_h; iy -= t.patch_h) {
          from += (d.h - t.patch_h) * pitch;  // the next image
        }
        *to = inside(top + iy, x, d.h, d.w) ? *from : 0U;
        iy += lanes.rows;
        from += lanes.rows * pitch;
        to += lanes.rows * t.patch_w;
      }
    }
  }

  /// Weights and offsets of K words below `padded`: beyond the chunk and beyond the last filter 0, and the plane behind
  /// the patch. Product::offset(k) is the place of word k among the offsets, Product::weight(k, row) that among the
  /// weights, whose filters are Product::kWords apart.
  template <class Product>
  __device__ void stage_weights(const Chunk& chunk, int padded) const {
    const std::int64_t filter_words = chunk.taps * words_for(args.dims.c);
    const RowLanes lanes(padded);
    for (int k = lanes.item; k < padded; k += 32) {
      const bool exists = k < chunk.k();
      const int tap = k / chunk.words;
      const int word = k - tap * chunk.words;
      const int y = tap / args.dims.kw;
      const int plane = exists ? word : args.tile.words;
      if (lanes.row == 0) {
        offsets()[Product::offset(k)] =
            plane * args.layout.plane + (exists ? y * args.tile.patch_w + tap - y * args.dims.kw : 0);
      }
      const Word* from =
          args.w + (part.o + lanes.row) * filter_words + tap * words_for(args.dims.c) + chunk.first + word;
      Word* to = weights() + Product::weight(k, args.layout.weight_row) + lanes.row * Product::kWords;
#pragma unroll 4
      for (int filter = lanes.row; filter < args.tile.filters; filter += lanes.rows) {
        *to = exists && filter < part.filters ? *from : 0U;
        from += lanes.rows * filter_words;
        to += lanes.rows * Product::kWords;
      }
    }
  }

  /// base()[class][filter], so that dot = base + what is counted. AND form: dot = 4 pop(a & w) - 2 pop(a)
  /// + K_v - 2 pop(w inside), where zeros outside the image and beyond K drop out. XOR form: dot
  /// = K_v - 2 (pop(a ^ w) - pop(w outside)), as a is 0 outside and the XOR is w. All threads call it, the weights
  /// being staged, and it ends with a barrier.
  template <class Product>
  __device__ void fill_base(const Chunk& chunk) const {
    const int kw = args.dims.kw;
    const int filters = args.tile.filters;
    auto* ones = at<std::uint16_t>(args.layout.ones);
    for (int i = static_cast<int>(threadIdx.x); i < args.dims.kh * filters; i += static_cast<int>(blockDim.x)) {
      const int y = i / filters;
      const int filter = i - y * filters;
      std::uint16_t* row = ones + y * (kw + 1) * filters + filter;
      int sum = 0;
      row[0] = 0;
      for (int x = 0; x < kw; ++x) {
        for (int word = 0; word < chunk.words; ++word) {
          const int k = (y * kw + x) * chunk.words + word;
          sum += __popc(weights()[Product::weight(k, args.layout.weight_row) + filter * Product::kWords]);
        }
        row[(x + 1) * filters] = static_cast<std::uint16_t>(sum);
      }
    }
    __syncthreads();
    const int rows = args.rows.of(part.oy + part.rows - 1) - first_row + 1;
    const RowLanes lanes(filters);
    for (int number = lanes.row; number < rows * columns; number += lanes.rows) {
      const int row = number / columns;
      const Window window = window_of(args.dims, args.rows.output_of(first_row + row),
                                      args.columns.output_of(first_column + number - row * columns));
      for (int filter = lanes.item; filter < filters; filter += 32) {
        int all = 0;
        int counted = 0;
        for (int y = 0; y < args.dims.kh; ++y) {
          const std::uint16_t* taps = ones + y * (kw + 1) * filters + filter;
          all += taps[kw * filters];
          counted += y >= window.y0 && y < window.y1 ? taps[window.x1 * filters] - taps[window.x0 * filters] : 0;
        }
        base()[number * filters + filter] =
            window.taps() * chunk.channels + (Product::kIsAnd ? -2 * counted : 2 * (all - counted));
      }
    }
    __syncthreads();
  }

 private:
  /// The largest that divides n.
  static __device__ int power_of_two_in(int n) { return n & -n; }
};

}  // namespace bnas::cuda
