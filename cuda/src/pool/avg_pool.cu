// SPDX-License-Identifier: Apache-2.0
#include "pool/window.cuh"

namespace bnas::cuda {
namespace {

template <class Images>
__global__ void avg_pool_kernel(const __grid_constant__ Pool2dDims d, const Images images, float* y) {
  const int quads = quads_of(d.c);
  const std::int64_t n = std::int64_t{d.n} * d.oh() * d.ow() * quads;
  grid_stride(n, [&](std::int64_t index) {
    const std::int64_t pixel = divide(index, quads);
    const auto q = static_cast<int>(index - pixel * quads);
    const PoolOutput out = PoolOutput::at(d, pixel);
    Four<float> sum{};
    for (int h = out.rows.begin; h < out.rows.end; ++h) {
      for (int w = out.columns.begin; w < out.columns.end; ++w) {
        const Four<float> four = images(quad_at(out.image + std::int64_t{h} * d.w + w, q, d.c));
#pragma unroll
        for (int i = 0; i < kQuad; ++i) {
          sum.v[i] += four.v[i];
        }
      }
    }
    const auto taps = static_cast<float>(out.rows.size()) * static_cast<float>(out.columns.size());
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      sum.v[i] /= taps;
    }
    store(y, quad_at(pixel, q, d.c), sum);
  });
}

/// A thread for four channels of a pixel, which gathers from the windows over it.
__global__ void avg_pool_backward_kernel(const __grid_constant__ Pool2dDims d, const float* dy, float* dx,
                                         bool accumulate) {
  const int quads = quads_of(d.c);
  const std::int64_t n = std::int64_t{d.n} * d.h * d.w * quads;
  grid_stride(n, [&](std::int64_t index) {
    const std::int64_t pixel = divide(index, quads);
    const auto q = static_cast<int>(index - pixel * quads);
    const std::int64_t line = divide(pixel, d.w);
    const std::int64_t image = divide(line, d.h);
    const auto h = static_cast<int>(line - image * d.h);
    const auto w = static_cast<int>(pixel - line * d.w);
    const Range over_h = outputs_over(h, h, d.oh(), d.kh, d.stride_h, d.pad_h);
    const Range over_w = outputs_over(w, w, d.ow(), d.kw, d.stride_w, d.pad_w);
    const Quad quad = quad_at(pixel, q, d.c);
    Four<float> sum = accumulate ? load<float>(dx, quad, 0.0F) : Four<float>{};
    for (int y = over_h.begin; y < over_h.end; ++y) {
      for (int x = over_w.begin; x < over_w.end; ++x) {
        const auto taps = static_cast<float>(tap_rows(d, y).size()) * static_cast<float>(tap_columns(d, x).size());
        const Four<float> upstream = load(dy, quad_at((image * d.oh() + y) * d.ow() + x, q, d.c), 0.0F);
#pragma unroll
        for (int i = 0; i < kQuad; ++i) {
          sum.v[i] += upstream.v[i] / taps;
        }
      }
    }
    store(dx, quad, sum);
  });
}

template <class Images>
Status launch(const Images& images, const Pool2dDims& dims, float* y, cudaStream_t stream) {
  if (!is_valid(dims) || images.x == nullptr || y == nullptr) {
    return invalid_argument("avg_pool: an array is null, or a window lies outside the image");
  }
  avg_pool_kernel<<<blocks_for(output_pixels(dims) * quads_of(dims.c)), kBlockThreads, 0, stream>>>(dims, images, y);
  return launched("avg_pool");
}

}  // namespace

Status avg_pool(const float* x, const Pool2dDims& dims, float* y, cudaStream_t stream) {
  return launch(FloatImages{x}, dims, y, stream);
}

Status avg_pool(const Word* x, const Pool2dDims& dims, float* y, cudaStream_t stream) {
  return launch(BitImages{x}, dims, y, stream);
}

Status avg_pool_backward(const float* dy, const Pool2dDims& dims, float* dx, bool accumulate, cudaStream_t stream) {
  if (!is_valid(dims) || dy == nullptr || dx == nullptr) {
    return invalid_argument("avg_pool_backward: an array is null, or a window lies outside the image");
  }
  avg_pool_backward_kernel<<<blocks_for(input_pixels(dims) * quads_of(dims.c)), kBlockThreads, 0, stream>>>(
      dims, dy, dx, accumulate);
  return launched("avg_pool_backward");
}

}  // namespace bnas::cuda
