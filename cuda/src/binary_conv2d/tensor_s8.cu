// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/tensor_tile.cuh"
#include "support/launch.cuh"
#include "support/mma.cuh"

namespace bnas::cuda {
namespace {

/// Bits stay packed in shared memory and become bytes of 0 and 1 in registers. The order of bits along K is free while
/// both operands have the same: lane `quad` takes bits 8 i + 2 quad and 8 i + 2 quad + 1 of a word, i = 0 to 3.
struct ByteProduct {
  static constexpr int kWords = kByteFragmentWords;
  static constexpr bool kIsAnd = true;
  static constexpr Word kOneBytes = 0x01010101U;

  static __device__ int place(int word) { return word; }

  static __device__ void accumulate(TensorTile& tile, int (&ones)[4], const Word* above, const Word* below,
                                    const int* offsets, const Word* weights) {
    const auto [x, y, z, w] = *reinterpret_cast<const int4*>(offsets);
    const int offset[kWords] = {x, y, z, w};
    Word a[kWords][4];
#pragma unroll
    for (int k = 0; k < kWords; ++k) {
      const Word top = above[offset[k]] >> 2 * tile.quad;
      const Word bottom = below[offset[k]] >> 2 * tile.quad;
      a[k][0] = top & kOneBytes, a[k][1] = bottom & kOneBytes;
      a[k][2] = top >> 1 & kOneBytes, a[k][3] = bottom >> 1 & kOneBytes;
      mma_s8(ones, a[k], {kOneBytes, kOneBytes});  // a column of ones
    }
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      const uint4 four = *reinterpret_cast<const uint4*>(weights + tile.column[i] * kWords);
      const Word word[kWords] = {four.x, four.y, four.z, four.w};
#pragma unroll
      for (int k = 0; k < kWords; ++k) {
        const Word bits = word[k] >> 2 * tile.quad;
        const Word b[2] = {bits & kOneBytes, bits >> 1 & kOneBytes};
        mma_s8(tile.c[i], a[k], b);
      }
    }
  }
};

template <class T>
__global__ void __launch_bounds__(kMostThreads, kLeastBlocks)
    binary_conv2d_tensor_s8_kernel(const __grid_constant__ BinaryConvArgs args) {
  extern __shared__ uint4 shared[];
  tensor_conv2d<ByteProduct>(ConvBlock<T>(args, reinterpret_cast<unsigned char*>(shared)));
}

}  // namespace

Status launch_tensor_s8(const BinaryConvArgs& args, int threads, cudaStream_t stream) {
  with_dot_type(args.dims, [&]<class T>(T) {
    binary_conv2d_tensor_s8_kernel<T><<<static_cast<unsigned>(args.tile.blocks()), static_cast<unsigned>(threads),
                                        static_cast<std::size_t>(args.layout.bytes), stream>>>(args);
  });
  return launched("binary_conv2d: tensor_s8");
}

}  // namespace bnas::cuda
