// SPDX-License-Identifier: Apache-2.0
// y = conv(x, w) on CUDA cores. A stem has one or three channels: too few for the tiles of a matrix product.
#include "conv2d/kernels.hpp"
#include "support/launch.cuh"
#include "support/operand.cuh"
#include "support/pixels.cuh"

namespace bnas::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kFilters = 16;                     // of a block
constexpr int kPixels = 4;                       // of a thread
constexpr int kLanes = kThreads * 4 / kFilters;  // threads side by side along pixels; four filters each
constexpr int kBlockPixels = kLanes * kPixels;
constexpr int kChunk = 128;           // weights of a filter in shared memory at a time
constexpr int kPitch = kFilters + 4;  // spreads the columns over banks, keeps 16-byte alignment

/// Weights first .. first + kChunk - 1 of the block's filters, transposed to [k][filter], 0 beyond their end.
template <class Rows>
__device__ void stage_weights(const Rows& w, const Conv2dDims& d, int filter, int first,
                              float (&staged)[kChunk][kPitch]) {
  static_assert(kThreads % kChunk == 0, "a thread has one k");
  const int at = static_cast<int>(threadIdx.x) % kChunk;
  const int tap = (first + at) / d.c;
  const int c = (first + at) % d.c;
  const int taps = d.kh * d.kw;
  for (int f = static_cast<int>(threadIdx.x) / kChunk; f < kFilters; f += kThreads / kChunk) {
    const bool exists = tap < taps && filter + f < d.o;
    staged[at][f] = exists ? w.at(static_cast<std::int64_t>(filter + f) * taps + tap, c) : 0.0F;
  }
}

/// Block (x, y): kBlockPixels pixels of y times kFilters filters; a thread sums kPixels x 4 of them over taps and
/// channels in order of memory. Neighbouring threads hold neighbouring filters, so that y is written in whole rows.
template <class Rows>
__global__ void __launch_bounds__(kThreads) conv2d_direct_kernel(const float* x, Rows w, Conv2dDims d, float* y) {
  __shared__ alignas(16) float staged[kChunk][kPitch];
  const int oh = d.oh();
  const int ow = d.ow();
  const int depth = d.k();
  const int pixels = d.n * oh * ow;
  const int filter = static_cast<int>(blockIdx.y) * kFilters;
  const int quad = static_cast<int>(threadIdx.x) % (kFilters / 4) * 4;
  const int first = static_cast<int>(blockIdx.x) * kBlockPixels + static_cast<int>(threadIdx.x) / (kFilters / 4);
  const float outside = d.pad_value == PadValue::one ? 1.0F : 0.0F;

  Pixel origin[kPixels];  // of the windows in x
#pragma unroll
  for (int j = 0; j < kPixels; ++j) {
    const Pixel p = Pixel::at(min(first + j * kLanes, pixels - 1), oh, ow);
    origin[j] = {p.n, p.y * d.stride_h - d.pad_h.begin, p.x * d.stride_w - d.pad_w.begin};
  }
  float sums[kPixels][4] = {};
  const float* from[kPixels];  // the pixel of x under the current tap, null outside
  int ky = 0;
  int kx = 0;
  int c = 0;
  for (int chunk = 0; chunk < depth; chunk += kChunk) {
    __syncthreads();
    stage_weights(w, d, filter, chunk, staged);
    __syncthreads();
    const int end = min(kChunk, depth - chunk);
    for (int k = 0; k < end; ++k) {
      if (c == 0 || k == 0) {
#pragma unroll
        for (int j = 0; j < kPixels; ++j) {
          const int iy = origin[j].y + ky;
          const int ix = origin[j].x + kx;
          const auto row = (static_cast<std::int64_t>(origin[j].n) * d.h + iy) * d.w + ix;
          from[j] = inside(iy, ix, d.h, d.w) ? x + row * d.c : nullptr;
        }
      }
      const float4 weights = *reinterpret_cast<const float4*>(&staged[k][quad]);
#pragma unroll
      for (int j = 0; j < kPixels; ++j) {
        const float value = from[j] != nullptr ? __ldg(from[j] + c) : outside;
        sums[j][0] = fmaf(value, weights.x, sums[j][0]);
        sums[j][1] = fmaf(value, weights.y, sums[j][1]);
        sums[j][2] = fmaf(value, weights.z, sums[j][2]);
        sums[j][3] = fmaf(value, weights.w, sums[j][3]);
      }
      if (++c == d.c) {
        c = 0;
        if (++kx == d.kw) {
          kx = 0, ++ky;
        }
      }
    }
  }
  const bool vectors = d.o % 4 == 0;
#pragma unroll
  for (int j = 0; j < kPixels; ++j) {
    const int pixel = first + j * kLanes;
    float* to = y + static_cast<std::int64_t>(pixel) * d.o + filter + quad;
    if (pixel >= pixels) {
      continue;
    }
    if (vectors && filter + quad < d.o) {
      *reinterpret_cast<float4*>(to) = make_float4(sums[j][0], sums[j][1], sums[j][2], sums[j][3]);
    } else {
      for (int f = 0; f < 4 && filter + quad + f < d.o; ++f) {
        to[f] = sums[j][f];
      }
    }
  }
}

dim3 grid_for(const Conv2dDims& d) {
  const int pixels = d.n * d.oh() * d.ow();
  return dim3((pixels + kBlockPixels - 1) / kBlockPixels, (d.o + kFilters - 1) / kFilters);
}

}  // namespace

KernelInfo forward_direct_info(const Conv2dDims& dims) {
  return {"conv2d_direct_kernel",
          count_blocks(grid_for(dims)),
          kThreads,
          sizeof(float) * kChunk * kPitch,
          kBlockPixels,
          kFilters};
}

Status launch_forward_direct(const Conv2dDims& dims, const float* x, Operand w, float* y, cudaStream_t stream) {
  const dim3 grid = grid_for(dims);
  if (w.bits != nullptr) {
    conv2d_direct_kernel<<<grid, kThreads, 0, stream>>>(x, BitRows{w.bits, dims.c}, dims, y);
  } else {
    conv2d_direct_kernel<<<grid, kThreads, 0, stream>>>(x, FloatRows{w.floats, dims.c}, dims, y);
  }
  return launched("conv2d");
}

}  // namespace bnas::cuda
