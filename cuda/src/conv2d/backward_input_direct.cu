// SPDX-License-Identifier: Apache-2.0
// dx[i][c] = sum over the taps that read pixel i and over o of dy[output of the tap][o] w[o][tap][c], on CUDA cores;
// in the order ky, kx, o.
#include "conv2d/kernels.hpp"
#include "support/launch.cuh"
#include "support/operand.cuh"
#include "support/pixels.cuh"

namespace bnas::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kPixels = 4;   // of a thread, all of one class
constexpr int kFilters = 4;  // read at a time

/// Thread i of class blockIdx.z: channel i % C of kPixels pixels. Neighbours read the same dy and write neighbouring
/// channels.
template <class Rows>
__global__ void __launch_bounds__(kThreads, 4)
    conv2d_backward_input_direct_kernel(const float* dy, Rows w, Conv2dDims d, float* dx, bool accumulate) {
  const int oh = d.oh();
  const int ow = d.ow();
  const int taps = d.kh * d.kw;
  const bool vectors = d.o % kFilters == 0;
  const PixelClass pixels(d, static_cast<int>(blockIdx.z));
  const auto thread = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int c = static_cast<int>(thread % d.c);
  const auto first = thread / d.c * kPixels;
  if (first >= pixels.count(d.n)) {
    return;
  }
  const ClassPixel at[kPixels] = {{pixels, static_cast<int>(first), d},
                                  {pixels, static_cast<int>(first) + 1, d},
                                  {pixels, static_cast<int>(first) + 2, d},
                                  {pixels, static_cast<int>(first) + 3, d}};
  float sums[kPixels] = {};
  for (int ky = pixels.y.tap, j = 0; ky < d.kh; ky += d.stride_h, ++j) {
    for (int kx = pixels.x.tap, i = 0; kx < d.kw; kx += d.stride_w, ++i) {
      const float* from[kPixels];
#pragma unroll
      for (int p = 0; p < kPixels; ++p) {
        const std::int64_t row = at[p].upstream(j, i, oh, ow);
        from[p] = row < 0 ? nullptr : dy + row * d.o;
      }
      for (int o = 0; o < d.o; o += kFilters) {
        float weights[kFilters];
#pragma unroll
        for (int f = 0; f < kFilters; ++f) {
          const std::int64_t row = static_cast<std::int64_t>(o + f) * taps + ky * d.kw + kx;
          weights[f] = o + f < d.o ? w.at(row, c) : 0.0F;
        }
#pragma unroll
        for (int p = 0; p < kPixels; ++p) {
          float upstream[kFilters];
          load_part<kFilters>(from[p], o, d.o, vectors, upstream);
#pragma unroll
          for (int f = 0; f < kFilters; ++f) {
            sums[p] = fmaf(upstream[f], weights[f], sums[p]);
          }
        }
      }
    }
  }
#pragma unroll
  for (int p = 0; p < kPixels; ++p) {
    if (at[p].exists) {
      write(dx + at[p].row * d.c + c, sums[p], accumulate);
    }
  }
}

dim3 grid_for(const Conv2dDims& d) {
  const std::int64_t threads = (largest_class(d) + kPixels - 1) / kPixels * d.c;
  return dim3(static_cast<unsigned>((threads + kThreads - 1) / kThreads), 1, d.stride_h * d.stride_w);
}

}  // namespace

KernelInfo backward_input_direct_info(const Conv2dDims& dims) {
  return {.variant = "conv2d_backward_input_direct_kernel",
          .blocks = count_blocks(grid_for(dims)),
          .threads = kThreads,
          .tile_pixels = kPixels,
          .tile_filters = kThreads};
}

Status launch_backward_input_direct(const Conv2dDims& dims, const float* dy, Operand w, float* dx, bool accumulate,
                                    cudaStream_t stream) {
  const dim3 grid = grid_for(dims);
  if (w.bits != nullptr) {
    conv2d_backward_input_direct_kernel<<<grid, kThreads, 0, stream>>>(dy, BitRows{w.bits, dims.c}, dims, dx,
                                                                       accumulate);
  } else {
    conv2d_backward_input_direct_kernel<<<grid, kThreads, 0, stream>>>(dy, FloatRows{w.floats, dims.c}, dims, dx,
                                                                       accumulate);
  }
  return launched("conv2d_backward_input");
}

}  // namespace bnas::cuda
