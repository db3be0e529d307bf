// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/tensor_tile.cuh"
#include "support/mma.cuh"

namespace bnas::cuda {
namespace {

struct BitProduct {
  static constexpr int kWords = kBitFragmentWords;
  static constexpr bool kIsAnd = kBitProductIsAnd;

  /// Lane 4 filter + quad holds words quad and quad + 4: beside each other, it loads both at once and a warp 256 bytes
  /// in a row.
  static __device__ unsigned place(unsigned k) { return k % 4U * 2U + k / 4U % 2U; }
  static __device__ unsigned offset(unsigned k) { return k / kWords * kWords + place(k); }
  static __device__ unsigned weight(unsigned k, unsigned row) { return k / kWords * row + place(k); }

  static __device__ void accumulate(TensorTile& tile, const FilterGroup& group, const Word* above, const Word* below,
                                    const int* offsets, const Word* weights) {
    const auto [near, far] = *reinterpret_cast<const int2*>(offsets + 2 * tile.quad);
    const Word a[4] = {above[near], below[near], above[far], below[far]};
    if constexpr (kIsAnd) {
      mma_b1(tile.ones, a, {~0U, ~0U});  // a column of ones
    }
    group.for_each_column([&](auto column) {
      const uint2 both = *reinterpret_cast<const uint2*>(weights + column.filter * kWords + 2 * tile.quad);
      mma_b1(tile.c[column.number], a, {both.x, both.y});
    });
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
  return with_dot_type(args.dims, [&]<class T>(T) {
    return launch_conv(binary_conv2d_tensor_b1_kernel<T>, args, threads, stream, "binary_conv2d: tensor_b1");
  });
}

}  // namespace bnas::cuda
