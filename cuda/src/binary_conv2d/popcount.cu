// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/block.cuh"

namespace bnas::cuda {
namespace {

/// A thread's outputs are kPixels x kThreadFilters, so that 9 + 1 loads serve 32 XORs and counts.
constexpr int kPixels = 8;

/// How ConvBlock stages weights: words of neighbouring filters side by side.
struct WordProduct {
  static constexpr int kWords = 1;
  static constexpr bool kIsAnd = false;
  static __device__ unsigned offset(unsigned k) { return k; }
  static __device__ unsigned weight(unsigned k, unsigned row) { return k * row; }
};

template <class T>
struct alignas(kThreadFilters * sizeof(T)) Dots {
  T v[kThreadFilters];
};

/// Keeps or writes a thread's dot products of one pixel, [filter, filter + count) of the block's. `kept` is its place
/// in shared memory from chunk to chunk; `whole` rows can be written as vectors.
template <class T>
__device__ void finish_pixel(const ConvBlock<T>& block, const Chunk& chunk, int pixel, int filter, int count,
                             bool whole, int (&dot)[kThreadFilters], FilterMoments<T, kThreadFilters>& moments) {
  Dots<T>* kept = block.template at<Dots<T>>(block.args.layout.output) +
                  (pixel * block.args.tile.filters + filter) / kThreadFilters;
  Dots<T> dots;
#pragma unroll
  for (int j = 0; j < kThreadFilters; ++j) {
    dot[j] += chunk.first > 0 ? kept->v[j] : 0;
    dots.v[j] = static_cast<T>(dot[j]);
  }
  if (!chunk.last) {
    *kept = dots;
    return;
  }
  T* y = block.y + std::int64_t{block.outputs()[pixel]} * block.args.dims.o + filter;
  if (whole) {
    *reinterpret_cast<Dots<T>*>(y) = dots;
  }
#pragma unroll
  for (int j = 0; j < kThreadFilters; ++j) {
    if (!whole && j < count) {
      y[j] = dots.v[j];
    }
    if (block.args.sums.added != nullptr) {
      moments.add(j, dot[j]);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kMostThreads, kLeastBlocks)
    binary_conv2d_popcount_kernel(const __grid_constant__ BinaryConvArgs args) {
  extern __shared__ uint4 shared[];
  const ConvBlock<T> block(args, reinterpret_cast<unsigned char*>(shared));
  const int row = args.layout.weight_row;
  const int pixels = block.part.pixels();
  const int sets = (pixels + kPixels - 1) / kPixels;
  const int words = static_cast<int>(words_for(args.dims.c));
  const int threads = static_cast<int>(blockDim.x);
  const bool whole = block.vector_bytes >= static_cast<int>(sizeof(Dots<T>));
  // Neighbouring threads take neighbouring filters, then neighbouring pixels.
  const auto columns_of = [&](int first) {
    return (min(block.part.filters - first, kGroupFilters) + 3) / kThreadFilters;
  };
  for (int first_word = 0; first_word < words; first_word += args.tile.words) {
    const Chunk chunk(args.dims, args.tile.words, first_word);
    block.stage_patch(chunk);
    block.template stage_weights<WordProduct>(chunk, chunk.k());
    __syncthreads();
    block.template fill_base<WordProduct>(chunk);
    for (int first = 0; first < block.part.filters; first += kGroupFilters) {
      const int columns = columns_of(first);
      const int parts = threads / columns;
      const int part = static_cast<int>(threadIdx.x) / columns;
      const int column = static_cast<int>(threadIdx.x) - part * columns;
      const int filter = first + column * kThreadFilters;
      FilterMoments<T, kThreadFilters> moments;
      for (int set = part; part < parts && set < sets; set += parts) {
        const Word* window[kPixels];
        int mismatches[kPixels][kThreadFilters] = {};
#pragma unroll
        for (int i = 0; i < kPixels; ++i) {
          window[i] = block.patch() + block.inputs()[min(set + i * sets, pixels - 1)];
        }
        const Word* weights = block.weights() + filter;
        for (int k = 0; k < chunk.k(); ++k, weights += row) {
          const int offset = block.offsets()[k];
          const uint4 w = *reinterpret_cast<const uint4*>(weights);
#pragma unroll
          for (int i = 0; i < kPixels; ++i) {
            const Word a = window[i][offset];
            mismatches[i][0] += __popc(a ^ w.x);
            mismatches[i][1] += __popc(a ^ w.y);
            mismatches[i][2] += __popc(a ^ w.z);
            mismatches[i][3] += __popc(a ^ w.w);
          }
        }
#pragma unroll
        for (int i = 0; i < kPixels; ++i) {
          const int pixel = set + i * sets;
          if (pixel < pixels) {
            const int4 base = *reinterpret_cast<const int4*>(block.base() + block.windows()[pixel] + filter);
            int dot[kThreadFilters] = {base.x - 2 * mismatches[i][0], base.y - 2 * mismatches[i][1],
                                       base.z - 2 * mismatches[i][2], base.w - 2 * mismatches[i][3]};
            finish_pixel(block, chunk, pixel, filter, block.part.filters - filter, whole, dot, moments);
          }
        }
      }
      if (chunk.last && args.sums.added != nullptr && part < parts) {
        const int width = columns * kThreadFilters;
        std::int64_t* to = block.moments() + first / kGroupFilters * threads * 2 * kThreadFilters + part * 2 * width +
                           column * kThreadFilters;
#pragma unroll
        for (int j = 0; j < kThreadFilters; ++j) {
          to[j] = moments.sum[j];
          to[width + j] = moments.square[j];
        }
      }
    }
    __syncthreads();
  }
  if (args.sums.added != nullptr) {
    for (int first = 0; first < block.part.filters; first += kGroupFilters) {
      const int columns = columns_of(first);
      add_moments(args.sums, args.dims.o, block.moments() + first / kGroupFilters * threads * 2 * kThreadFilters,
                  threads / columns, columns * kThreadFilters, block.part.o + first,
                  min(block.part.filters - first, kGroupFilters));
    }
    if (args.sums.taken != nullptr) {
      take_sums(args.sums, args.dims.o, args.tile, block.part);
    }
  }
}

}  // namespace

Status launch_popcount(const BinaryConvArgs& args, int threads, cudaStream_t stream) {
  return with_dot_type(args.dims, [&]<class T>(T) {
    return launch_conv(binary_conv2d_popcount_kernel<T>, args, threads, stream, "binary_conv2d: popcount");
  });
}

}  // namespace bnas::cuda
