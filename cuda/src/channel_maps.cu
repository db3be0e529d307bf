// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/channel_maps.hpp"

#include "support/divide.cuh"
#include "support/last_block.cuh"
#include "support/launch.cuh"
#include "support/number_type.hpp"

namespace bnas::cuda {
namespace {

constexpr std::int64_t kMostChannels = 1'000'000;
constexpr int kColumns = 32, kChains = 8;     // of a block that sums
constexpr std::int64_t kRowsPerSlice = 1024;  // at least: a block's launch must pay
constexpr std::int64_t kMostSlices = 64;

bool is_valid(const Matrix& size) { return size.rows >= 0 && size.channels >= 0 && size.channels <= kMostChannels; }

/// y[i] = map(i, channel of i).
template <class Map>
__global__ void channel_map_kernel(const Map map, std::int64_t n, std::int64_t channels, float* y, bool accumulate) {
  grid_stride(n, [&](std::int64_t i) { write(y + i, map(i, i - divide(i, channels) * channels), accumulate); });
}

template <class T>
struct ScaleMap {
  const T* x;
  const float* scale;
  __device__ float operator()(std::int64_t i, std::int64_t c) const { return static_cast<float>(x[i]) * scale[c]; }
};

/// Of x itself, or of dy by the sign of x.
struct PreluMap {
  const float* values;
  const float* x;
  const float* slope;
  __device__ float operator()(std::int64_t i, std::int64_t c) const {
    return x[i] > 0.0F ? values[i] : slope[c] * values[i];
  }
};

struct ShuffleMap {
  const float* x;
  std::int64_t groups, width;
  __device__ float operator()(std::int64_t i, std::int64_t c) const {
    const std::int64_t place = divide(c, groups), group = c - place * groups;
    return x[i - c + group * width + place];
  }
};

struct PlaceMap {
  const float* dy;
  std::int64_t begin, width, channels;
  __device__ float operator()(std::int64_t i, std::int64_t c) const {
    const std::int64_t row = divide(i, channels), at = c - begin;
    return at >= 0 && at < width ? dy[row * width + at] : 0.0F;
  }
};

template <class Map>
Status launch_map(const char* op, const Map& map, const Matrix& size, float* y, bool accumulate, cudaStream_t stream) {
  const std::int64_t n = size.rows * size.channels;
  channel_map_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(map, n, size.channels, y, accumulate);
  return launched(op);
}

template <class T>
struct DotTerm {
  const float* a;
  const T* b;
  __device__ double operator()(std::int64_t i) const { return static_cast<double>(a[i]) * static_cast<double>(b[i]); }
};

struct SlopeTerm {
  const float* dy;
  const float* x;
  __device__ double operator()(std::int64_t i) const {
    return x[i] > 0.0F ? 0.0 : static_cast<double>(dy[i]) * static_cast<double>(x[i]);
  }
};

/// Grid (tiles of 32 columns, slices of rows): warp r of a block adds rows r, r + 8, ... of its slice, a column per
/// lane; the chains of a column are added in order, then the slices, by whichever block ends last.
template <class Term>
__global__ void __launch_bounds__(kColumns* kChains)
    channel_sums_kernel(const Term term, const Matrix size, std::int64_t slice, double* partials, unsigned* tickets,
                        float* sums, bool accumulate) {
  __shared__ double chains[kChains][kColumns];
  const int lane = static_cast<int>(threadIdx.x) % kColumns, own = static_cast<int>(threadIdx.x) / kColumns;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kColumns + lane;
  const std::int64_t begin = blockIdx.y * slice;
  const std::int64_t end = min(begin + slice, size.rows);
  double sum = 0.0;
  if (column < size.channels) {
    for (std::int64_t r = begin + own; r < end; r += kChains) {
      sum += term(r * size.channels + column);
    }
  }
  chains[own][lane] = sum;
  __syncthreads();
  const bool owner = own == 0 && column < size.channels;
  if (owner) {
    for (int chain = 1; chain < kChains; ++chain) {
      sum += chains[chain][lane];
    }
  }
  if (gridDim.y > 1) {
    if (owner) {
      partials[blockIdx.y * size.channels + column] = sum;
    }
    if (!is_last_block(tickets + blockIdx.x, gridDim.y)) {
      return;
    }
    sum = 0.0;
    for (unsigned s = 0; owner && s < gridDim.y; ++s) {
      sum += __ldcg(partials + s * size.channels + column);
    }
  }
  if (owner) {
    write(sums + column, static_cast<float>(sum), accumulate);
  }
}

std::int64_t slices_of(const Matrix& size) {
  const std::int64_t tiles = (size.channels + kColumns - 1) / kColumns;
  if (tiles > kTickets) {
    return 1;
  }
  return std::clamp((size.rows + kRowsPerSlice - 1) / kRowsPerSlice, std::int64_t{1}, kMostSlices);
}

template <class Term>
Status launch_sums(const char* op, const Term& term, const Matrix& size, float* sums, bool accumulate,
                   const Scratch& scratch, cudaStream_t stream) {
  if (size.channels == 0) {
    return {};
  }
  const std::int64_t slices = slices_of(size);
  if (scratch.bytes < channel_sums_workspace_bytes(size) || (slices > 1 && scratch.data == nullptr)) {
    return {StatusCode::workspace_too_small, 0, op};
  }
  if (slices > 1 && scratch.tickets == nullptr) {
    return invalid_argument("sum over blocks: no tickets");
  }
  const dim3 grid(static_cast<unsigned>((size.channels + kColumns - 1) / kColumns), static_cast<unsigned>(slices));
  channel_sums_kernel<<<grid, kColumns * kChains, 0, stream>>>(term, size, (size.rows + slices - 1) / slices,
                                                               static_cast<double*>(scratch.data), scratch.tickets,
                                                               sums, accumulate);
  return launched(op);
}

}  // namespace

Status scale_channels(const void* x, NumberType type, const float* scale, const Matrix& size, float* y, bool accumulate,
                      cudaStream_t stream) {
  if (!is_valid(size)) {
    return invalid_argument("scale_channels: a length is negative, or there are too many channels");
  }
  if (size.rows * size.channels == 0) {
    return {};
  }
  if (x == nullptr || scale == nullptr || y == nullptr) {
    return invalid_argument("scale_channels: x, scale or y is null");
  }
  return with_number_type(type, [&](auto number) {
    using T = decltype(number);
    return launch_map("scale_channels", ScaleMap<T>{static_cast<const T*>(x), scale}, size, y, accumulate, stream);
  });
}

Status prelu(const float* x, const float* slope, const Matrix& size, float* y, cudaStream_t stream) {
  return prelu_backward(x, x, slope, size, y, false, stream);  // the same map, of x instead of dy
}

Status prelu_backward(const float* dy, const float* x, const float* slope, const Matrix& size, float* dx,
                      bool accumulate, cudaStream_t stream) {
  if (!is_valid(size)) {
    return invalid_argument("prelu: a length is negative, or there are too many channels");
  }
  if (size.rows * size.channels == 0) {
    return {};
  }
  if (dy == nullptr || x == nullptr || slope == nullptr || dx == nullptr) {
    return invalid_argument("prelu: an array is null");
  }
  return launch_map("prelu", PreluMap{dy, x, slope}, size, dx, accumulate, stream);
}

std::size_t channel_sums_workspace_bytes(const Matrix& size) {
  const std::int64_t slices = slices_of(size);
  return slices == 1 ? 0 : static_cast<std::size_t>(slices * size.channels) * sizeof(double);
}

Status dot_channels(const float* a, const void* b, NumberType type, const Matrix& size, float* dot, bool accumulate,
                    const Scratch& scratch, cudaStream_t stream) {
  if (!is_valid(size) || dot == nullptr || ((a == nullptr || b == nullptr) && size.rows * size.channels > 0)) {
    return invalid_argument("dot_channels: a, b or dot is null, or a length is out of range");
  }
  return with_number_type(type, [&](auto number) {
    using T = decltype(number);
    return launch_sums("dot_channels", DotTerm<T>{a, static_cast<const T*>(b)}, size, dot, accumulate, scratch, stream);
  });
}

Status prelu_slope_backward(const float* dy, const float* x, const Matrix& size, float* dslope, bool accumulate,
                            const Scratch& scratch, cudaStream_t stream) {
  if (!is_valid(size) || dslope == nullptr || ((dy == nullptr || x == nullptr) && size.rows * size.channels > 0)) {
    return invalid_argument("prelu_slope_backward: dy, x or dslope is null, or a length is out of range");
  }
  return launch_sums("prelu_slope_backward", SlopeTerm{dy, x}, size, dslope, accumulate, scratch, stream);
}

Status place_channels(const float* dy, std::int64_t begin, std::int64_t width, const Matrix& size, float* dx,
                      bool accumulate, cudaStream_t stream) {
  if (!is_valid(size) || begin < 0 || width < 0 || begin + width > size.channels) {
    return invalid_argument("place_channels: the slice is not within the channels");
  }
  if (size.rows * size.channels == 0) {
    return {};
  }
  if (dx == nullptr || (dy == nullptr && width > 0)) {
    return invalid_argument("place_channels: dy or dx is null");
  }
  return launch_map("place_channels", PlaceMap{dy, begin, width, size.channels}, size, dx, accumulate, stream);
}

Status shuffle_channels(const float* x, std::int64_t groups, const Matrix& size, float* y, bool accumulate,
                        cudaStream_t stream) {
  if (!is_valid(size) || groups < 1 || size.channels % groups != 0) {
    return invalid_argument("shuffle_channels: groups does not divide the channels");
  }
  if (size.rows * size.channels == 0) {
    return {};
  }
  if (x == nullptr || y == nullptr || (x == y)) {
    return invalid_argument("shuffle_channels: x or y is null, or both are one");
  }
  return launch_map("shuffle_channels", ShuffleMap{x, groups, size.channels / groups}, size, y, accumulate, stream);
}

}  // namespace bnas::cuda
