// SPDX-License-Identifier: Apache-2.0
// dx = dy convolved with the transposed packed weights, as an implicit matrix product on bf16 tensor cores:
//   rows: pixels of one class (pixels.cuh), columns: channels, depth: (tap, filter).
// K is cut into sixteen filters of one tap, and their order in a step is chosen so that a lane's four are adjacent in
// memory: one 128-bit load per row of dy, eight whole rows a warp, no shared memory. Weights are read as words and
// become +-1 in registers, one expansion for kTerms products.
#include "conv2d/kernels.hpp"
#include "support/bf16_mma.cuh"
#include "support/launch.cuh"
#include "support/operand.cuh"
#include "support/pixels.cuh"

namespace bnas::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kWarpPixels = 16;
constexpr int kBlockPixels = kWarps * kWarpPixels;
constexpr int kStep = 16;  // filters of a step

/// Filters 4q .. 4q+3 of a step, read from rows g and g + 8, as the kTerms fragments of `a`.
template <int kTerms>
__device__ void make_upstream(const float (&rows)[2][4], unsigned (&a)[kTerms][4]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      unsigned pairs[kTerms];
      split_to_bf16<kTerms>(rows[r][2 * half], rows[r][2 * half + 1], pairs);
#pragma unroll
      for (int t = 0; t < kTerms; ++t) {
        a[t][2 * half + r] = pairs[t];
      }
    }
  }
}

/// Block (x, y) of class z: kBlockPixels pixels times 8 * kTiles channels.
template <int kTiles, int kTerms>
__global__ void __launch_bounds__(kWarps * 32, 3)
    conv2d_backward_input_tensor_kernel(const float* dy, const Word* w, Conv2dDims d, float* dx, bool accumulate) {
  constexpr int kWords = (kTiles * 8 + kWordBits - 1) / kWordBits;
  const int oh = d.oh();
  const int ow = d.ow();
  const int taps = d.kh * d.kw;
  const int words = static_cast<int>(words_for(d.c));
  const bool vectors = d.o % 4 == 0;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4;
  const int q = lane % 4;
  const int c0 = static_cast<int>(blockIdx.y) * kTiles * 8;
  const PixelClass pixels(d, static_cast<int>(blockIdx.z));
  const int first = (static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32) * kWarpPixels;
  if (first >= pixels.count(d.n)) {
    return;
  }
  const ClassPixel at[2] = {{pixels, first + g, d}, {pixels, first + g + 8, d}};
  float sums[kTiles][4] = {};
  for (int ky = pixels.y.tap, j = 0; ky < d.kh; ky += d.stride_h, ++j) {
    for (int kx = pixels.x.tap, i = 0; kx < d.kw; kx += d.stride_w, ++i) {
      const Word* tap = w + static_cast<std::int64_t>(ky * d.kw + kx) * words + c0 / kWordBits;
      const float* from[2];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const std::int64_t row = at[r].upstream(j, i, oh, ow);
        from[r] = row < 0 ? nullptr : dy + row * d.o;
      }
      for (int step = 0; step < d.o; step += kStep) {
        const int o = step + 4 * q;
        float rows[2][4];
        load_part<4>(from[0], o, d.o, vectors, rows[0]);
        load_part<4>(from[1], o, d.o, vectors, rows[1]);
        Word bits[4][kWords];
#pragma unroll
        for (int f = 0; f < 4; ++f) {
#pragma unroll
          for (int v = 0; v < kWords; ++v) {
            const bool exists = o + f < d.o && c0 / kWordBits + v < words;
            bits[f][v] = exists ? __ldg(tap + static_cast<std::int64_t>(o + f) * taps * words + v) : 0U;
          }
        }
        unsigned a[kTerms][4];
        make_upstream<kTerms>(rows, a);
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          const int bit = (8 * t + g) % kWordBits;
          const int v = t / 4;
          const unsigned b[2] = {bf16_signs(bits[0][v], bits[1][v], 31 - bit, ~0U),
                                 bf16_signs(bits[2][v], bits[3][v], 31 - bit, ~0U)};
#pragma unroll
          for (int term = kTerms - 1; term >= 0; --term) {  // small ones first
            mma_bf16(sums[t], a[term], b);
          }
        }
      }
    }
  }
#pragma unroll
  for (int t = 0; t < kTiles; ++t) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int c = c0 + 8 * t + 2 * q + i % 2;
      const ClassPixel& pixel = at[i / 2];
      if (pixel.exists && c < d.c) {
        write(dx + pixel.row * d.c + c, sums[t][i], accumulate);
      }
    }
  }
}

/// Tiles of 8 channels in a block: as many as are used, of one word or, where no half of the last block is idle, two.
int channel_tiles(const Conv2dDims& d) { return d.c <= 16 ? 2 : words_for(d.c) % 2 != 0 ? 4 : 8; }

dim3 grid_for(const Conv2dDims& d) {
  const int channels = 8 * channel_tiles(d);
  return dim3(static_cast<unsigned>((largest_class(d) + kBlockPixels - 1) / kBlockPixels),
              (d.c + channels - 1) / channels, d.stride_h * d.stride_w);
}

template <int kTiles>
void launch_tiles(const Conv2dDims& d, Precision precision, const float* dy, const Word* w, float* dx, bool accumulate,
                  cudaStream_t stream) {
  const dim3 grid = grid_for(d);
  if (precision == Precision::f32) {
    conv2d_backward_input_tensor_kernel<kTiles, 3><<<grid, kWarps * 32, 0, stream>>>(dy, w, d, dx, accumulate);
  } else {
    conv2d_backward_input_tensor_kernel<kTiles, 1><<<grid, kWarps * 32, 0, stream>>>(dy, w, d, dx, accumulate);
  }
}

}  // namespace

KernelInfo backward_input_tensor_info(const Conv2dDims& dims) {
  return {.variant = "conv2d_backward_input_tensor_kernel",
          .blocks = count_blocks(grid_for(dims)),
          .threads = kWarps * 32,
          .tile_pixels = kBlockPixels,
          .tile_filters = 8 * channel_tiles(dims)};
}

Status launch_backward_input_tensor(const Conv2dDims& dims, Precision precision, const float* dy, const Word* w,
                                    float* dx, bool accumulate, cudaStream_t stream) {
  switch (channel_tiles(dims)) {
    case 2:
      launch_tiles<2>(dims, precision, dy, w, dx, accumulate, stream);
      break;
    case 4:
      launch_tiles<4>(dims, precision, dy, w, dx, accumulate, stream);
      break;
    default:
      launch_tiles<8>(dims, precision, dy, w, dx, accumulate, stream);
  }
  return launched("conv2d_backward_input");
}

}  // namespace bnas::cuda
