// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/tensor_tile.cuh"
#include "support/launch.cuh"
#include "support/mma.cuh"

namespace bnas::cuda {
namespace {

/// Where a weight lies: [fragment][column of 8 filters][lane][2], so that a lane loads both its words at once and a
/// warp 256 bytes in a row. Lane 4 filter + quad holds K words quad and quad + 4 of a fragment.
__device__ int fragment_index(int k, int filter, int filters) {
  const int in_fragment = k % kFragmentWords;
  return k / kFragmentWords * filters * kFragmentWords + filter * kFragmentWords + in_fragment % 4 * 2 +
         in_fragment / 4;
}

/// AND form: dot = 4 pop(a & w) - 2 pop(a) + K_v - 2 pop(w inside), where zeros outside the image and beyond K drop
/// out. XOR form: dot = K_v - 2 (pop(a ^ w) - pop(w outside)).
template <class T>
__global__ void __launch_bounds__(kMostThreads, kLeastBlocks)
    binary_conv2d_tensor_b1_kernel(const __grid_constant__ BinaryConvArgs args) {
  extern __shared__ uint4 shared[];
  const ConvBlock<T> block(args, reinterpret_cast<unsigned char*>(shared));
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
    const int padded = (chunk.k() + kFragmentWords - 1) / kFragmentWords * kFragmentWords;
    block.stage_offsets(chunk);
    for (int i = chunk.k() + static_cast<int>(threadIdx.x); i < padded; i += static_cast<int>(blockDim.x)) {
      block.offsets()[i] = zeros;
    }
    block.stage_patch(chunk);
    block.for_each_weight(chunk, padded, [&](int k, int filter, Word word) {
      block.weights()[fragment_index(k, filter, filters)] = word;
    });
    __syncthreads();
    block.sum_ones(chunk, [&](int k, int filter) { return weights[fragment_index(k, filter, filters)]; });
    for_each_tile(block.part.pixels(), block.part.filters, [&](TensorTile& tile) {
      const Word* above = patch + block.pixels.patch[tile.pixel[0]];
      const Word* below = patch + block.pixels.patch[tile.pixel[1]];
      const Word* w = weights + (tile.first_filter + tile.row) * kFragmentWords + tile.quad * 2;
      int ones[4] = {};  // pop(a): the product with a column of ones, of both pixels in [0] and [2]
      for (int k = 0; k < padded; k += kFragmentWords) {
        const int near = offsets[k + tile.quad];
        const int far = offsets[k + tile.quad + 4];
        const Word a[4] = {above[near], below[near], above[far], below[far]};
        if constexpr (kBitProductIsAnd) {
          mma_b1(ones, a, {~0U, ~0U});
        }
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
          const uint2 both = *reinterpret_cast<const uint2*>(w + tile.column[i] * kFragmentWords);
          const Word b[2] = {both.x, both.y};
          mma_b1(tile.c[i], a, b);
        }
        w += filters * kFragmentWords;
      }
      Window valid[2];
      for (int half = 0; half < 2; ++half) {
        valid[half] = Window::unpacked(block.pixels.window[tile.pixel[half]]);
      }
      tile.for_each(block.part.pixels(), [&](int half, int filter, int count) {
        const int taps = valid[half].taps();
        const int all = block.ones_in_all(filter);
        const int inside = taps == chunk.taps ? all : block.ones_in(valid[half], filter);
        const int dot = kBitProductIsAnd ? 4 * count - 2 * ones[2 * half] + taps * chunk.channels - 2 * inside
                                         : dot_from_mismatches(taps * chunk.channels, count - (all - inside));
        block.keep(chunk, tile.pixel[half], filter, dot);
      });
    });
    __syncthreads();
  }
  block.finish();
}

}  // namespace

Status launch_tensor_b1(const BinaryConvArgs& args, int threads, cudaStream_t stream) {
  with_dot_type(args.dims, [&]<class T>(T) {
    binary_conv2d_tensor_b1_kernel<T><<<static_cast<unsigned>(args.tile.blocks()), static_cast<unsigned>(threads),
                                        static_cast<std::size_t>(args.layout.bytes), stream>>>(args);
  });
  return launched("binary_conv2d: tensor_b1");
}

}  // namespace bnas::cuda
