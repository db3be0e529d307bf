// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/block.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kPixels = 8;   // a thread's outputs: kPixels x kFilters, so that 9 + 1 loads serve 32 XORs and counts
constexpr int kFilters = 4;  // one 128-bit load of weights

/// dot = K_v - 2 (pop(a ^ w) - pop(w outside)): outside the image a is 0 and the XOR is w.
template <class T>
__global__ void __launch_bounds__(kMostThreads, kLeastBlocks)
    binary_conv2d_popcount_kernel(const __grid_constant__ BinaryConvArgs args) {
  extern __shared__ uint4 shared[];
  const ConvBlock<T> block(args, reinterpret_cast<unsigned char*>(shared));
  const Word* patch = block.patch();
  const Word* weights = block.weights();
  const int* offsets = block.offsets();
  const int row = args.layout.weight_row;
  const int pixels = block.part.pixels();
  const int groups = (pixels + kPixels - 1) / kPixels;
  const int columns = (block.part.filters + kFilters - 1) / kFilters;
  const int words = static_cast<int>(words_for(args.dims.c));
  for (int first = 0; first < words; first += args.tile.words) {
    const Chunk chunk(args.dims, args.tile.words, first);
    block.stage_offsets(chunk);
    block.stage_patch(chunk);
    block.for_each_weight(chunk, chunk.k(),
                          [&](int k, int filter, Word word) { block.weights()[k * row + filter] = word; });
    __syncthreads();
    block.sum_ones(chunk, [&](int k, int filter) { return weights[k * row + filter]; });
    for (int unit = static_cast<int>(threadIdx.x); unit < groups * columns; unit += static_cast<int>(blockDim.x)) {
      // Neighbouring threads take neighbouring filters, then neighbouring pixels.
      const int filter = unit % columns * kFilters;
      const int group = unit / columns;
      const Word* window[kPixels];
      int mismatches[kPixels][kFilters] = {};
#pragma unroll
      for (int i = 0; i < kPixels; ++i) {
        window[i] = patch + block.pixels.patch[min(group + i * groups, pixels - 1)];
      }
      for (int k = 0; k < chunk.k(); ++k) {
        const int offset = offsets[k];
        const uint4 w = *reinterpret_cast<const uint4*>(weights + k * row + filter);
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
        const int pixel = group + i * groups;
        if (pixel < pixels) {
          const Window valid = Window::unpacked(block.pixels.window[pixel]);
          const bool whole = valid.taps() == chunk.taps;
#pragma unroll
          for (int j = 0; j < kFilters; ++j) {
            const int outside = whole ? 0 : block.ones_in_all(filter + j) - block.ones_in(valid, filter + j);
            block.keep(chunk, pixel, filter + j,
                       dot_from_mismatches(valid.taps() * chunk.channels, mismatches[i][j] - outside));
          }
        }
      }
    }
    __syncthreads();
  }
  block.finish();
}

}  // namespace

Status launch_popcount(const BinaryConvArgs& args, int threads, cudaStream_t stream) {
  with_dot_type(args.dims, [&]<class T>(T) {
    binary_conv2d_popcount_kernel<T><<<static_cast<unsigned>(args.tile.blocks()), static_cast<unsigned>(threads),
                                       static_cast<std::size_t>(args.layout.bytes), stream>>>(args);
  });
  return launched("binary_conv2d: popcount");
}

}  // namespace bnas::cuda
