// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/tensor_tile.cuh"
#include "support/launch.cuh"
#include "support/mma.cuh"

namespace bnas::cuda {
namespace {

struct BitProduct {
  static constexpr int kWords = kBitFragmentWords;
  static constexpr bool kIsAnd = kBitProductIsAnd;

  /// Lane 4 filter + quad holds words quad and quad + 4: beside each other, it loads both at once and a warp 256 bytes
  /// in a row.
  static __device__ int place(int word) { return word % 4 * 2 + word / 4; }

  static __device__ void accumulate(TensorTile& tile, int (&ones)[4], const Word* above, const Word* below,
                                    const int* offsets, const Word* weights) {
    const int near = offsets[tile.quad];
    const int far = offsets[tile.quad + 4];
    const Word a[4] = {above[near], below[near], above[far], below[far]};
    if constexpr (kIsAnd) {
      mma_b1(ones, a, {~0U, ~0U});  // a column of ones
    }
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      const uint2 both = *reinterpret_cast<const uint2*>(weights + tile.column[i] * kWords + tile.quad * 2);
      const Word b[2] = {both.x, both.y};
      mma_b1(tile.c[i], a, b);
    }
  }
};

template <class T>
__global__ void __launch_bounds__(kMostThreads, kLeastBlocks)
    binary_conv2d_tensor_b1_kernel(const __grid_constant__ BinaryConvArgs args) {
  extern __shared__ uint4 shared[];
  tensor_conv2d<BitProduct>(ConvBlock<T>(args, reinterpret_cast<unsigned char*>(shared)));
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
