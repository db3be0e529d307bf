// SPDX-License-Identifier: Apache-2.0
// dw[o][tap][c] = sum over pixels p of y of dy[p][o] x[pixel under the tap][c], on CUDA cores; depthwise: o == c.
// A thread owns one (tap, channel) pair and several filters; threads of a block that share a pair, and the blocks that
// share a sum, take rows of pixels in turn. Their sums are added in fixed order.
#include "conv2d/kernels.hpp"
#include "support/launch.cuh"
#include "support/operand.cuh"
#include "support/pixels.cuh"
#include "support/split_sum.cuh"

namespace bnas::cuda {
namespace {

constexpr int kMaxThreads = 256;
constexpr int kFilters = 8;  // of a thread, dense

/// The part of a block: pairs (tap, channel), and lanes that share each.
struct Tile {
  int pairs;
  int lanes;
  int threads() const { return (pairs * lanes + 31) / 32 * 32; }
};

/// Blocks of equal width, as many lanes as fit.
Tile tile_for(const Conv2dDims& d) {
  const int pairs = d.k();
  const int blocks = (pairs + kMaxThreads - 1) / kMaxThreads;
  const int width = (pairs + blocks - 1) / blocks;
  return {width, kMaxThreads / width};
}

int filter_groups(const Conv2dProblem& p) { return p.depthwise ? 1 : (p.dims.o + kFilters - 1) / kFilters; }

/// Outputs ox in [begin, end) whose tap kx is inside x.
struct Columns {
  int begin, end;
  __device__ Columns(const Conv2dDims& d, int kx, int ow) {
    const int shift = d.pad_w.begin - kx;  // 0 <= ox stride - shift < w
    begin = shift <= 0 ? 0 : (shift + d.stride_w - 1) / d.stride_w;
    end = d.w + shift <= 0 ? 0 : min((d.w + shift + d.stride_w - 1) / d.stride_w, ow);
  }
};

/// Block (x, y): unit x = (group of filters, tile of pairs), slice y of the rows. kThreadFilters sums a thread.
template <class Rows, bool kDepthwise>
__global__ void __launch_bounds__(kMaxThreads, 4)
    conv2d_backward_weight_direct_kernel(const float* dy, Rows x, Conv2dDims d, Tile tile, SplitSum split, float* dw,
                                         bool accumulate) {
  constexpr int kThreadFilters = kDepthwise ? 1 : kFilters;
  __shared__ float shared[kThreadFilters * kMaxThreads];  // [lane][filter][pair]
  const int oh = d.oh();
  const int ow = d.ow();
  const int pairs = d.k();
  const int tiles = (pairs + tile.pairs - 1) / tile.pairs;
  const int filter = static_cast<int>(blockIdx.x) / tiles * kThreadFilters;
  const int lane = static_cast<int>(threadIdx.x) / tile.pairs;
  const int column = static_cast<int>(threadIdx.x) % tile.pairs;
  const int pair = static_cast<int>(blockIdx.x) % tiles * tile.pairs + column;
  const bool vectors = d.o % 4 == 0;
  const bool ones = d.pad_value == PadValue::one;

  float sums[kThreadFilters] = {};
  if (lane < tile.lanes && pair < pairs) {
    const int c = pair % d.c;
    const int kx = pair / d.c % d.kw;
    const int ky = pair / d.c / d.kw;
    const Columns columns(d, kx, ow);
    const int end = min((static_cast<int>(blockIdx.y) + 1) * split.slice, d.n * oh);
    for (int row = static_cast<int>(blockIdx.y) * split.slice + lane; row < end; row += tile.lanes) {
      const int iy = row % oh * d.stride_h + ky - d.pad_h.begin;
      const bool row_inside = iy >= 0 && iy < d.h;
      if (!row_inside && !ones) {
        continue;
      }
      const std::int64_t x_row = (static_cast<std::int64_t>(row / oh) * d.h + iy) * d.w + kx - d.pad_w.begin;
      const int last = ones ? ow : columns.end;
      for (int ox = ones ? 0 : columns.begin; ox < last; ++ox) {
        const bool is_inside = row_inside && ox >= columns.begin && ox < columns.end;
        const float value = is_inside ? x.at(x_row + static_cast<std::int64_t>(ox) * d.stride_w, c) : 1.0F;
        const float* upstream = dy + (static_cast<std::int64_t>(row) * ow + ox) * d.o;
        if constexpr (kDepthwise) {
          sums[0] = fmaf(__ldg(upstream + c), value, sums[0]);
        } else {
#pragma unroll
          for (int f = 0; f < kFilters; f += 4) {
            float part[4];
            load_part<4>(upstream, filter + f, d.o, vectors, part);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              sums[f + i] = fmaf(part[i], value, sums[f + i]);
            }
          }
        }
      }
    }
  }
  const int elements = kThreadFilters * tile.pairs;
  if (lane < tile.lanes) {
#pragma unroll
    for (int f = 0; f < kThreadFilters; ++f) {
      shared[lane * elements + f * tile.pairs + column] = sums[f];
    }
  }
  __syncthreads();
  const auto sum_lanes = [&](int element) {
    float sum = 0.0F;
    for (int i = 0; i < tile.lanes; ++i) {
      sum += shared[i * elements + element];
    }
    return sum;
  };
  finish_split_sum(split, elements, sum_lanes, [&](int element, float sum) {
    const int o = filter + element / tile.pairs;
    const int k = static_cast<int>(blockIdx.x) % tiles * tile.pairs + element % tile.pairs;
    if (k < pairs && (kDepthwise || o < d.o)) {
      write(dw + (kDepthwise ? 0 : static_cast<std::int64_t>(o) * pairs) + k, sum, accumulate);
    }
  });
}

dim3 grid_for(const Conv2dPlan& plan) { return dim3(direct_weight_sums(plan.problem).units, plan.slices); }

template <class Rows>
void launch_rows(const Conv2dPlan& plan, const float* dy, Rows x, float* dw, bool accumulate, const SplitSum& split,
                 cudaStream_t stream) {
  const Conv2dProblem& problem = plan.problem;
  const Tile tile = tile_for(problem.dims);
  const dim3 grid = grid_for(plan);
  if (problem.depthwise) {
    conv2d_backward_weight_direct_kernel<Rows, true>
        <<<grid, tile.threads(), 0, stream>>>(dy, x, problem.dims, tile, split, dw, accumulate);
  } else {
    conv2d_backward_weight_direct_kernel<Rows, false>
        <<<grid, tile.threads(), 0, stream>>>(dy, x, problem.dims, tile, split, dw, accumulate);
  }
}

}  // namespace

WeightSums direct_weight_sums(const Conv2dProblem& problem) {
  const Conv2dDims& d = problem.dims;
  const Tile tile = tile_for(d);
  const int tiles = (d.k() + tile.pairs - 1) / tile.pairs;
  return {.units = filter_groups(problem) * tiles,
          .elements = (problem.depthwise ? 1 : kFilters) * tile.pairs,
          .terms = d.n * d.oh(),
          .step = tile.lanes};
}

KernelInfo backward_weight_direct_info(const Conv2dPlan& plan) {
  const int filters = plan.problem.depthwise ? 1 : kFilters;
  return {.variant = "conv2d_backward_weight_direct_kernel",
          .blocks = count_blocks(grid_for(plan)),
          .threads = tile_for(plan.problem.dims).threads(),
          .shared_bytes = static_cast<int>(sizeof(float)) * filters * kMaxThreads,
          .tile_pixels = plan.slice * plan.problem.dims.ow(),
          .tile_filters = filters};
}

Status launch_backward_weight_direct(const Conv2dPlan& plan, const float* dy, Operand x, float* dw, bool accumulate,
                                     const Scratch& scratch, cudaStream_t stream) {
  const SplitSum split{static_cast<float*>(scratch.data), scratch.tickets, plan.slice};
  if (x.bits != nullptr) {
    launch_rows(plan, dy, BitRows{x.bits, plan.problem.dims.c}, dw, accumulate, split, stream);
  } else {
    launch_rows(plan, dy, FloatRows{x.floats, plan.problem.dims.c}, dw, accumulate, split, stream);
  }
  return launched("conv2d_backward_weight");
}

}  // namespace bnas::cuda
