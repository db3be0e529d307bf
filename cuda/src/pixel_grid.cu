// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/pixel_grid.hpp"

#include "support/divide.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

/// Calls visit(unit of the part, unit of the whole) where a pixel is `units` units of T.
template <class Visit>
__device__ void for_each_unit(const PixelGridDims& d, std::int64_t grid_h, std::int64_t grid_w, std::int64_t units,
                              Visit visit) {
  grid_stride(d.n * grid_h * grid_w * units, [&](std::int64_t i) {
    const std::int64_t pixel = divide(i, units), row = divide(pixel, grid_w), n = divide(row, grid_h);
    const std::int64_t y = d.begin_h + (row - n * grid_h) * d.stride, x = d.begin_w + (pixel - row * grid_w) * d.stride;
    visit(i, ((n * d.h + y) * d.w + x) * units + (i - pixel * units));
  });
}

template <class T>
__global__ void take_pixels_kernel(const T* whole, const PixelGridDims dims, std::int64_t grid_h, std::int64_t grid_w,
                                   std::int64_t units, T* part, bool accumulate) {
  for_each_unit(dims, grid_h, grid_w, units,
                [=](std::int64_t to, std::int64_t from) { write(part + to, whole[from], accumulate); });
}

template <class T>
__global__ void put_pixels_kernel(const T* part, const PixelGridDims dims, std::int64_t grid_h, std::int64_t grid_w,
                                  std::int64_t units, T* whole, bool accumulate) {
  for_each_unit(dims, grid_h, grid_w, units,
                [=](std::int64_t from, std::int64_t to) { write(whole + to, part[from], accumulate); });
}

__global__ void __launch_bounds__(kBlockThreads)
    drop_samples_kernel(const float* x, std::int64_t samples, std::int64_t size, const StepValues* step,
                        std::uint64_t site, float rate, float* y, bool accumulate) {
  __shared__ RandomKey key;
  if (threadIdx.x == 0) {
    key = step_key(*step, site, RandomPurpose::dropout);
  }
  __syncthreads();
  const float scale = 1.0F / (1.0F - rate);
  grid_stride(samples * size, [&](std::int64_t i) {
    const bool keep = key.uniform(static_cast<std::uint64_t>(divide(i, size))) >= rate;
    write(y + i, keep ? x[i] * scale : 0.0F, accumulate);
  });
}

bool is_valid(const PixelGridDims& d) {
  return d.n >= 0 && d.stride >= 1 && d.begin_h >= 0 && d.begin_w >= 0 && d.begin_h < d.h && d.begin_w < d.w;
}

/// Launches with units as wide as the pixels' bytes allow.
template <class Launch>
Status with_unit(std::int64_t pixel_bytes, Launch launch) {
  return pixel_bytes % 4 == 0 ? launch(std::uint32_t{}, pixel_bytes / 4) : launch(std::uint8_t{}, pixel_bytes);
}

template <class T>
Status launch_take(const T* whole, const PixelGridDims& d, std::int64_t units, T* part, bool accumulate,
                   cudaStream_t stream) {
  const std::int64_t total = d.n * d.grid_h() * d.grid_w() * units;
  if (total == 0) {
    return {};
  }
  take_pixels_kernel<<<blocks_for(total), kBlockThreads, 0, stream>>>(whole, d, d.grid_h(), d.grid_w(), units, part,
                                                                      accumulate);
  return launched("take_pixels");
}

template <class T>
Status launch_put(const T* part, const PixelGridDims& d, std::int64_t units, T* whole, bool accumulate,
                  cudaStream_t stream) {
  const std::int64_t total = d.n * d.grid_h() * d.grid_w() * units;
  if (total == 0) {
    return {};
  }
  put_pixels_kernel<<<blocks_for(total), kBlockThreads, 0, stream>>>(part, d, d.grid_h(), d.grid_w(), units, whole,
                                                                     accumulate);
  return launched("put_pixels");
}

bool is_usable(const PixelGridDims& dims, const void* from, const void* to, std::int64_t units) {
  return is_valid(dims) && units >= 0 && ((from != nullptr && to != nullptr) || dims.n * units == 0);
}

}  // namespace

Status take_pixels(const void* whole, const PixelGridDims& dims, std::int64_t pixel_bytes, void* part,
                   cudaStream_t stream) {
  if (!is_usable(dims, whole, part, pixel_bytes)) {
    return invalid_argument("take_pixels: an array is null, or the grid has no pixel of the image");
  }
  return with_unit(pixel_bytes, [&](auto unit, std::int64_t units) {
    using T = decltype(unit);
    return launch_take(static_cast<const T*>(whole), dims, units, static_cast<T*>(part), false, stream);
  });
}

Status add_taken_pixels(const float* whole, const PixelGridDims& dims, std::int64_t channels, float* part,
                        cudaStream_t stream) {
  return is_usable(dims, whole, part, channels)
             ? launch_take(whole, dims, channels, part, true, stream)
             : invalid_argument("add_taken_pixels: an array is null, or the grid has no pixel of the image");
}

Status put_pixels(const void* part, const PixelGridDims& dims, std::int64_t pixel_bytes, void* whole,
                  cudaStream_t stream) {
  if (!is_usable(dims, part, whole, pixel_bytes)) {
    return invalid_argument("put_pixels: an array is null, or the grid has no pixel of the image");
  }
  return with_unit(pixel_bytes, [&](auto unit, std::int64_t units) {
    using T = decltype(unit);
    return launch_put(static_cast<const T*>(part), dims, units, static_cast<T*>(whole), false, stream);
  });
}

Status add_put_pixels(const float* part, const PixelGridDims& dims, std::int64_t channels, float* whole,
                      cudaStream_t stream) {
  return is_usable(dims, part, whole, channels)
             ? launch_put(part, dims, channels, whole, true, stream)
             : invalid_argument("add_put_pixels: an array is null, or the grid has no pixel of the image");
}

Status drop_samples(const float* x, std::int64_t samples, std::int64_t size, const StepValues* step, std::uint64_t site,
                    float rate, float* y, bool accumulate, cudaStream_t stream) {
  const std::int64_t n = samples * size;
  if (samples < 0 || size < 0 || !(rate >= 0.0F && rate < 1.0F) || step == nullptr ||
      (n > 0 && (x == nullptr || y == nullptr))) {
    return invalid_argument("drop_samples: x, y or step is null, or a length or rate is out of range");
  }
  if (n == 0) {
    return {};
  }
  drop_samples_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(x, samples, size, step, site, rate, y, accumulate);
  return launched("drop_samples");
}

}  // namespace bnas::cuda
