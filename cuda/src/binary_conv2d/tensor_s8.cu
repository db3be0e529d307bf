// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/tensor_tile.cuh"
#include "support/launch.cuh"
#include "support/mma.cuh"

namespace bnas::cuda {
namespace {

/// Bytes +1 and -1 of four bits, lowest bit first; 0 for the bits that `used` lacks.
__device__ Word expand(Word bits, Word used) {
  // Bit i of a nibble moves to byte i: i + 7 i = 8 i.
  const auto spread = [](Word nibble) { return (nibble & 15U) * 0x00204081U & 0x01010101U; };
  const Word minus = spread(bits);
  return (minus * 0xFFU | 0x01010101U) & spread(used) * 0xFFU;
}

/// The half of a word that begins at bit `from`: 16 bytes.
__device__ uint4 expand_half(Word bits, Word used, int from) {
  const auto four = [&](int i) { return expand(bits >> (from + 4 * i), used >> (from + 4 * i)); };
  return {four(0), four(1), four(2), four(3)};
}

/// Bits in use of channel word `word`.
__device__ Word used_bits(const Conv2dDims& d, int word) {
  return word + 1 == static_cast<int>(words_for(d.c)) ? tail_mask(d.c) : ~0U;
}

/// Bytes outside the image are 0 with zero padding, so that the sums are the dot products: nothing to correct.
template <class T>
__global__ void __launch_bounds__(kMostThreads, kLeastBlocks)
    binary_conv2d_tensor_s8_kernel(const __grid_constant__ BinaryConvArgs args) {
  extern __shared__ uint4 shared[];
  const ConvBlock<T> block(args, reinterpret_cast<unsigned char*>(shared));
  auto* patch = reinterpret_cast<uint4*>(block.patch());
  auto* weights = reinterpret_cast<uint4*>(block.weights());
  const int filters = args.tile.filters;
  const int words = static_cast<int>(words_for(args.dims.c));
  for (int first = 0; first < words; first += args.tile.words) {
    const Chunk chunk(args.dims, args.tile.words, first);
    block.stage_offsets(chunk);
    for_each_patch_word(args.dims, args.tile, block.part, first, chunk.words, 2,
                        [&](int pixel, int word, std::int64_t where, int half) {
                          const bool counts = where >= 0 || args.dims.pad_value == PadValue::one;
                          patch[(word * args.layout.plane + pixel) * 2 + half] =
                              expand_half(where >= 0 ? args.x[where] : 0U,
                                          counts ? used_bits(args.dims, first + word) : 0U, half * 16);
                        });
    block.for_each_weight(chunk, chunk.k(), [&](int k, int filter, Word word) {
      const Word used = used_bits(args.dims, first + k % chunk.words);
      weights[(k * filters + filter) * 2] = expand_half(word, used, 0);
      weights[(k * filters + filter) * 2 + 1] = expand_half(word, used, 16);
    });
    __syncthreads();
    for_each_tile(block.part.pixels(), block.part.filters, [&](TensorTile& tile) {
      // 8 bytes per load: a word of 32 channels is 4 of them, one per quad.
      const auto* a8 = reinterpret_cast<const uint2*>(patch) + tile.quad;
      const uint2* above = a8 + block.pixels.patch[tile.pixel[0]] * 4;
      const uint2* below = a8 + block.pixels.patch[tile.pixel[1]] * 4;
      const uint2* w = reinterpret_cast<const uint2*>(weights) + (tile.first_filter + tile.row) * 4 + tile.quad;
      for (int k = 0; k < chunk.k(); ++k) {
        const int offset = block.offsets()[k] * 4;
        const uint2 top = above[offset];
        const uint2 bottom = below[offset];
        const Word a[4] = {top.x, bottom.x, top.y, bottom.y};
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
          const uint2 both = w[tile.column[i] * 4];
          const Word b[2] = {both.x, both.y};
          mma_s8(tile.c[i], a, b);
        }
        w += filters * 4;
      }
      tile.for_each(block.part.pixels(),
                    [&](int half, int filter, int dot) { block.keep(chunk, tile.pixel[half], filter, dot); });
    });
    __syncthreads();
  }
  block.finish();
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
