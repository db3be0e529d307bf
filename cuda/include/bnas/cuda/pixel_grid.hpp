// SPDX-License-Identifier: Apache-2.0
// Pixels that move whole between an image and one of its grids, and whole samples that are dropped.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cuda {

/// Every stride-th pixel of n images (h,w), from (begin_h, begin_w) on: an image (grid_h, grid_w) itself.
struct PixelGridDims {
  std::int64_t n = 0, h = 0, w = 0;
  int stride = 1;
  int begin_h = 0, begin_w = 0;

  std::int64_t grid_h() const { return (h - begin_h + stride - 1) / stride; }
  std::int64_t grid_w() const { return (w - begin_w + stride - 1) / stride; }
};

/// part = the grid's pixels of whole, of `pixel_bytes` each, whatever their type.
Status take_pixels(const void* whole, const PixelGridDims& dims, std::int64_t pixel_bytes, void* part,
                   cudaStream_t stream);
/// part += the same, f32 with `channels` channels.
Status add_taken_pixels(const float* whole, const PixelGridDims& dims, std::int64_t channels, float* part,
                        cudaStream_t stream);
/// The grid's pixels of whole = part; the others stay.
Status put_pixels(const void* part, const PixelGridDims& dims, std::int64_t pixel_bytes, void* whole,
                  cudaStream_t stream);
/// The grid's pixels of whole += part, f32 with `channels` channels.
Status add_put_pixels(const float* part, const PixelGridDims& dims, std::int64_t channels, float* whole,
                      cudaStream_t stream);

/// y = keep(sample) ? x / (1 - rate) : 0 over `samples` of `size` numbers, where keep(i) = key.uniform(i) >= rate with
/// key = step_key(*step, site, dropout); added where `accumulate`. y may be x.
Status drop_samples(const float* x, std::int64_t samples, std::int64_t size, const StepValues* step, std::uint64_t site,
                    float rate, float* y, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
