// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/tensor_tile.cuh"
#include "support/mma.cuh"

namespace bnas::cuda {
namespace {

/// Bits stay packed in shared memory and become bytes of 0 and 1 in registers. The order of bits along K is free while
/// both operands have the same: lane `quad` takes bits 8 i + 2 quad and 8 i + 2 quad + 1 of a word, i = 0 to 3.
struct ByteProduct {
  static constexpr int kWords = kByteFragmentWords;
  static constexpr bool kIsAnd = true;
  static constexpr Word kOneBytes = 0x01010101U;

  static __device__ unsigned offset(unsigned k) { return k; }
  static __device__ unsigned weight(unsigned k, unsigned row) { return k / kWords * row + k % kWords; }

  static __device__ void accumulate(TensorTile& tile, const FilterGroup& group, const Word* above, const Word* below,
                                    const int* offsets, const Word* weights) {
    const auto [first, second] = *reinterpret_cast<const int2*>(offsets);
    const int offset[kWords] = {first, second};
    Word a[kWords][4];
#pragma unroll
    for (int k = 0; k < kWords; ++k) {
      const Word top = above[offset[k]] >> 2 * tile.quad;
      const Word bottom = below[offset[k]] >> 2 * tile.quad;
      a[k][0] = top & kOneBytes, a[k][1] = bottom & kOneBytes;
      a[k][2] = top >> 1 & kOneBytes, a[k][3] = bottom >> 1 & kOneBytes;
      mma_s8(tile.ones, a[k], {kOneBytes, kOneBytes});  // a column of ones
    }
    group.for_each_column([&](auto column) {
      const uint2 both = *reinterpret_cast<const uint2*>(weights + column.filter * kWords);
      const Word word[kWords] = {both.x, both.y};
#pragma unroll
      for (int k = 0; k < kWords; ++k) {
        const Word bits = word[k] >> 2 * tile.quad;
        const Word b[2] = {bits & kOneBytes, bits >> 1 & kOneBytes};
        mma_s8(tile.c[column.number], a[k], b);
      }
    });
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
  return with_dot_type(args.dims, [&]<class T>(T) {
    return launch_conv(binary_conv2d_tensor_s8_kernel<T>, args, threads, stream, "binary_conv2d: tensor_s8");
  });
}

}  // namespace bnas::cuda
