// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution and its input gradient: one thread per element, channels side by side, taps in order. The sum
// has as many terms as taps, so memory is the limit. The weight gradient is one of backward_weight_direct.cu.
#include "conv2d/kernels.hpp"
#include "support/launch.cuh"
#include "support/operand.cuh"
#include "support/pixels.cuh"

namespace bnas::cuda {
namespace {

/// y[p][c] = sum over taps of x[pixel under the tap][c] w[tap][c].
template <class Rows>
__global__ void depthwise_conv2d_kernel(const float* x, Rows w, Conv2dDims d, float* y) {
  const int oh = d.oh();
  const int ow = d.ow();
  const float outside = d.pad_value == PadValue::one ? 1.0F : 0.0F;
  grid_stride(static_cast<std::int64_t>(d.n) * oh * ow * d.c, [=](std::int64_t i) {
    const int c = static_cast<int>(i % d.c);
    const Pixel p = Pixel::at(static_cast<int>(i / d.c), oh, ow);
    float sum = 0.0F;
    for (int ky = 0; ky < d.kh; ++ky) {
      for (int kx = 0; kx < d.kw; ++kx) {
        const int iy = p.y * d.stride_h + ky - d.pad_h.begin;
        const int ix = p.x * d.stride_w + kx - d.pad_w.begin;
        const std::int64_t row = (static_cast<std::int64_t>(p.n) * d.h + iy) * d.w + ix;
        const float value = inside(iy, ix, d.h, d.w) ? __ldg(x + row * d.c + c) : outside;
        sum = fmaf(value, w.at(ky * d.kw + kx, c), sum);
      }
    }
    y[i] = sum;
  });
}

/// dx[pixel][c] (+)= sum over the taps that read the pixel of dy[output of the tap][c] w[tap][c]; class blockIdx.z.
template <class Rows>
__global__ void depthwise_conv2d_backward_input_kernel(const float* dy, Rows w, Conv2dDims d, float* dx,
                                                       bool accumulate) {
  const int oh = d.oh();
  const int ow = d.ow();
  const PixelClass pixels(d, static_cast<int>(blockIdx.z));
  grid_stride(static_cast<std::int64_t>(pixels.count(d.n)) * d.c, [&](std::int64_t index) {
    const int c = static_cast<int>(index % d.c);
    const ClassPixel at(pixels, static_cast<int>(index / d.c), d);
    float sum = 0.0F;
    for (int ky = pixels.y.tap, j = 0; ky < d.kh; ky += d.stride_h, ++j) {
      for (int kx = pixels.x.tap, i = 0; kx < d.kw; kx += d.stride_w, ++i) {
        const std::int64_t row = at.upstream(j, i, oh, ow);
        if (row >= 0) {
          sum = fmaf(__ldg(dy + row * d.c + c), w.at(ky * d.kw + kx, c), sum);
        }
      }
    }
    write(dx + at.row * d.c + c, sum, accumulate);
  });
}

unsigned forward_blocks(const Conv2dDims& d) {
  return blocks_for(static_cast<std::int64_t>(d.n) * d.oh() * d.ow() * d.c);
}

dim3 backward_input_grid(const Conv2dDims& d) {
  return dim3(blocks_for(largest_class(d) * d.c), 1, d.stride_h * d.stride_w);
}

/// A thread has one element of one channel.
KernelInfo element_info(const char* kernel, const dim3& grid) {
  return {.variant = kernel,
          .blocks = count_blocks(grid),
          .threads = kBlockThreads,
          .tile_pixels = 1,
          .tile_filters = kBlockThreads};
}

}  // namespace

KernelInfo forward_depthwise_info(const Conv2dDims& dims) {
  return element_info("depthwise_conv2d_kernel", dim3(forward_blocks(dims)));
}

KernelInfo backward_input_depthwise_info(const Conv2dDims& dims) {
  return element_info("depthwise_conv2d_backward_input_kernel", backward_input_grid(dims));
}

Status launch_forward_depthwise(const Conv2dDims& d, const float* x, Operand w, float* y, cudaStream_t stream) {
  const unsigned blocks = forward_blocks(d);
  if (w.bits != nullptr) {
    depthwise_conv2d_kernel<<<blocks, kBlockThreads, 0, stream>>>(x, BitRows{w.bits, d.c}, d, y);
  } else {
    depthwise_conv2d_kernel<<<blocks, kBlockThreads, 0, stream>>>(x, FloatRows{w.floats, d.c}, d, y);
  }
  return launched("depthwise_conv2d");
}

Status launch_backward_input_depthwise(const Conv2dDims& d, const float* dy, Operand w, float* dx, bool accumulate,
                                       cudaStream_t stream) {
  const dim3 grid = backward_input_grid(d);
  if (w.bits != nullptr) {
    depthwise_conv2d_backward_input_kernel<<<grid, kBlockThreads, 0, stream>>>(dy, BitRows{w.bits, d.c}, d, dx,
                                                                               accumulate);
  } else {
    depthwise_conv2d_backward_input_kernel<<<grid, kBlockThreads, 0, stream>>>(dy, FloatRows{w.floats, d.c}, d, dx,
                                                                               accumulate);
  }
  return launched("depthwise_conv2d_backward_input");
}

}  // namespace bnas::cuda
