// SPDX-License-Identifier: Apache-2.0
// dw[o][tap][c] = sum over pixels p of dy[p][o] x[pixel under the tap][c] for packed x, as a matrix product on bf16
// tensor cores: rows: filters, columns: channels of one word under one tap, depth: pixels of y. dy stays as it lies in
// memory: which filter is which row and which pixel is which k is free, so a lane takes adjacent filters of four
// adjacent pixels with one vector load each. x is read as words and becomes +-1 in registers; pixels outside the image
// become exact zeros there.
#include "conv2d/kernels.hpp"
#include "support/bf16_mma.cuh"
#include "support/launch.cuh"
#include "support/operand.cuh"
#include "support/pixels.cuh"
#include "support/split_sum.cuh"

namespace bnas::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;
constexpr int kStep = 16;                   // pixels of a matrix instruction
constexpr int kBlockStep = kStep * kWarps;  // of a block
constexpr int kLanePixels = 4;              // 4q .. 4q+3 of a step

/// Few channels or filters leave half of a tile idle: then narrower ones.
int filter_tiles(const Conv2dDims& d) { return d.o <= 16 ? 1 : 2; }
int channel_tiles(const Conv2dDims& d) { return d.c <= 16 ? 2 : 4; }

/// Where pixel p of y reads x under the block's tap: its word, and whether it counts.
struct Tap {
  int ky, kx, word, words;
  bool ones;  ///< padding with ones: a pixel outside reads a word of zeros, that is +1
};

/// The word that pixel `p` of y reads; `valid` is all ones in 16 bits, or 0 where the pixel reads nothing.
__device__ Word read_tap(const Word* x, const Tap& tap, const Conv2dDims& d, const Pixel& p, unsigned& valid) {
  const int iy = p.y * d.stride_h + tap.ky - d.pad_h.begin;
  const int ix = p.x * d.stride_w + tap.kx - d.pad_w.begin;
  const bool is_inside = p.n < d.n && inside(iy, ix, d.h, d.w);
  valid = is_inside || tap.ones ? 0xFFFFU : 0U;
  const std::int64_t row = (static_cast<std::int64_t>(p.n) * d.h + iy) * d.w + ix;
  return is_inside ? __ldg(x + row * tap.words + tap.word) : 0U;
}

/// Filters of one lane, [pixel][filter], as fragments: filters 2r and 2r+1 are rows g and g + 8 of tile r.
template <int kRows, int kTerms>
__device__ void make_upstream(const float (&dy)[kLanePixels][2 * kRows], unsigned (&a)[kRows][kTerms][4]) {
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int pixel = i / 2 * 2;
      const int filter = 2 * r + i % 2;
      unsigned pairs[kTerms];
      split_to_bf16<kTerms>(dy[pixel][filter], dy[pixel + 1][filter], pairs);
#pragma unroll
      for (int t = 0; t < kTerms; ++t) {
        a[r][t][i] = pairs[t];
      }
    }
  }
}

/// Block (x, y): unit x = (16 kRows filters, tap, word of channels), slice y of the pixels. Its warps take the steps of
/// the slice in turn and add their sums in order.
template <int kRows, int kTiles, int kTerms>
__global__ void __launch_bounds__(kThreads)
    conv2d_backward_weight_tensor_kernel(const float* dy, const Word* x, Conv2dDims d, SplitSum split, float* dw,
                                         bool accumulate) {
  constexpr int kRegisters = kRows * kTiles * 4;
  constexpr int kElements = kRegisters * 32;
  __shared__ float shared[kWarps][kElements];
  const int oh = d.oh();
  const int ow = d.ow();
  const int taps = d.kh * d.kw;
  const int words = static_cast<int>(words_for(d.c));
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int g = lane / 4;
  const int q = lane % 4;
  const int word = static_cast<int>(blockIdx.x) % words;
  const int tap_index = static_cast<int>(blockIdx.x) / words % taps;
  const int o0 = static_cast<int>(blockIdx.x) / (words * taps) * 16 * kRows;
  const Tap tap{tap_index / d.kw, tap_index % d.kw, word, words, d.pad_value == PadValue::one};
  const bool vectors = d.o % (2 * kRows) == 0;
  const int begin = static_cast<int>(blockIdx.y) * split.slice;
  const int end = min(begin + split.slice, d.n * oh * ow);
  const Pixel one = Pixel::at(1, oh, ow);
  const Pixel block_step = Pixel::at(kBlockStep, oh, ow);

  float sums[kRows][kTiles][4] = {};
  int p = begin + warp * kStep + kLanePixels * q;
  Pixel position = Pixel::at(p, oh, ow);
  for (int step = begin + warp * kStep; step < end; step += kBlockStep) {
    float upstream[kLanePixels][2 * kRows];
    Word bits[kLanePixels];
    unsigned valid[kLanePixels];
    Pixel at = position;
#pragma unroll
    for (int i = 0; i < kLanePixels; ++i) {
      const float* row = p + i < end ? dy + static_cast<std::int64_t>(p + i) * d.o : nullptr;
      load_part<2 * kRows>(row, o0 + 2 * kRows * g, d.o, vectors, upstream[i]);
      bits[i] = read_tap(x, tap, d, at, valid[i]);
      at.advance(one, oh, ow);
    }
    unsigned a[kRows][kTerms][4];
    make_upstream<kRows, kTerms>(upstream, a);
    const unsigned first = valid[0] | valid[1] << 16U;
    const unsigned second = valid[2] | valid[3] << 16U;
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      const int shift = 31 - (8 * t + g);
      const unsigned b[2] = {bf16_signs(bits[0], bits[1], shift, first), bf16_signs(bits[2], bits[3], shift, second)};
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
#pragma unroll
        for (int term = kTerms - 1; term >= 0; --term) {  // small ones first
          mma_bf16(sums[r][t], a[r][term], b);
        }
      }
    }
    p += kBlockStep;
    position.advance(block_step, oh, ow);
  }
  // An element is (register, lane): neighbours in memory, and the sums of slices need no other order.
#pragma unroll
  for (int i = 0; i < kRegisters; ++i) {
    shared[warp][i * 32 + lane] = sums[i / 4 / kTiles][i / 4 % kTiles][i % 4];
  }
  __syncthreads();
  const auto sum_warps = [&](int e) { return shared[0][e] + shared[1][e] + shared[2][e] + shared[3][e]; };
  finish_split_sum(split, kElements, sum_warps, [&](int e, float sum) {
    const int i = e / 32;
    const int o = o0 + 2 * kRows * (e % 32 / 4) + 2 * (i / 4 / kTiles) + i % 4 / 2;
    const int c = word * kWordBits + 8 * (i / 4 % kTiles) + 2 * (e % 4) + i % 2;
    if (o < d.o && c < d.c) {
      write(dw + (static_cast<std::int64_t>(o) * taps + tap_index) * d.c + c, sum, accumulate);
    }
  });
}

dim3 grid_for(const Conv2dPlan& plan) { return dim3(tensor_weight_sums(plan.problem.dims).units, plan.slices); }

template <int kRows, int kTiles>
void launch_tiles(const Conv2dPlan& plan, const float* dy, const Word* x, float* dw, bool accumulate,
                  const SplitSum& split, cudaStream_t stream) {
  const Conv2dDims& d = plan.problem.dims;
  const dim3 grid = grid_for(plan);
  if (plan.precision == Precision::f32) {
    conv2d_backward_weight_tensor_kernel<kRows, kTiles, 3>
        <<<grid, kThreads, 0, stream>>>(dy, x, d, split, dw, accumulate);
  } else {
    conv2d_backward_weight_tensor_kernel<kRows, kTiles, 1>
        <<<grid, kThreads, 0, stream>>>(dy, x, d, split, dw, accumulate);
  }
}

}  // namespace

WeightSums tensor_weight_sums(const Conv2dDims& d) {
  const int rows = filter_tiles(d);
  const int filters = (d.o + 16 * rows - 1) / (16 * rows);
  return {.units = filters * d.kh * d.kw * static_cast<int>(words_for(d.c)),
          .elements = rows * channel_tiles(d) * 4 * 32,
          .terms = d.n * d.oh() * d.ow(),
          .step = kBlockStep};
}

KernelInfo backward_weight_tensor_info(const Conv2dPlan& plan) {
  const Conv2dDims& d = plan.problem.dims;
  return {.variant = "conv2d_backward_weight_tensor_kernel",
          .blocks = count_blocks(grid_for(plan)),
          .threads = kThreads,
          .shared_bytes = static_cast<int>(sizeof(float)) * kWarps * tensor_weight_sums(d).elements,
          .tile_pixels = plan.slice,
          .tile_filters = 16 * filter_tiles(d)};
}

Status launch_backward_weight_tensor(const Conv2dPlan& plan, const float* dy, const Word* x, float* dw, bool accumulate,
                                     const Scratch& scratch, cudaStream_t stream) {
  const Conv2dDims& d = plan.problem.dims;
  const SplitSum split{static_cast<float*>(scratch.data), scratch.tickets, plan.slice};
  const bool narrow = channel_tiles(d) == 2;
  if (filter_tiles(d) == 1) {
    (narrow ? launch_tiles<1, 2> : launch_tiles<1, 4>)(plan, dy, x, dw, accumulate, split, stream);
  } else {
    (narrow ? launch_tiles<2, 2> : launch_tiles<2, 4>)(plan, dy, x, dw, accumulate, split, stream);
  }
  return launched("conv2d_backward_weight");
}

}  // namespace bnas::cuda
