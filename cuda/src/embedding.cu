// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/embedding.hpp"

#include "support/device_error.cuh"
#include "support/divide.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kColumnThreads = 128;  // of a block of backward

__global__ void embedding_kernel(const float* table, int vocabulary, int width, const std::int32_t* ids, std::int64_t n,
                                 float* y, DeviceError* error) {
  grid_stride(n * width, [=](std::int64_t i) {
    const std::int64_t row = divide(i, width);
    const std::int64_t id = ids[row];
    const bool good = index_in_range(error, IndexCheck::embedding, row, ids[row], vocabulary);
    y[i] = good ? table[id * width + (i - row * width)] : 0.0F;
  });
}

/// A thread owns one number of one row of the table; all of a block own the same row, so that ids are read together.
__global__ void __launch_bounds__(kColumnThreads)
    embedding_backward_kernel(const float* dy, const std::int32_t* ids, std::int64_t n, int vocabulary, int width,
                              float* dtable, bool accumulate, DeviceError* error) {
  const int row = static_cast<int>(blockIdx.x);
  const int column = static_cast<int>(blockIdx.y) * kColumnThreads + static_cast<int>(threadIdx.x);
  if (row == 0 && blockIdx.y == 0) {
    for (std::int64_t i = threadIdx.x; i < n; i += kColumnThreads) {
      index_in_range(error, IndexCheck::embedding, i, ids[i], vocabulary);
    }
  }
  if (column >= width) {
    return;
  }
  float* const to = dtable + static_cast<std::int64_t>(row) * width + column;
  float sum = accumulate ? *to : 0.0F;
  for (std::int64_t i = 0; i < n; ++i) {
    if (ids[i] == row) {
      sum += dy[i * width + column];
    }
  }
  *to = sum;
}

}  // namespace

Status embedding(const float* table, int vocabulary, int width, const std::int32_t* ids, std::int64_t n, float* y,
                 DeviceError* error, cudaStream_t stream) {
  if (vocabulary < 0 || width < 0 || n < 0) {
    return invalid_argument("embedding: a length is negative");
  }
  if (n == 0 || width == 0) {
    return {};
  }
  if ((table == nullptr && vocabulary > 0) || ids == nullptr || y == nullptr) {
    return invalid_argument("embedding: table, ids or y is null");
  }
  embedding_kernel<<<blocks_for(n * width), kBlockThreads, 0, stream>>>(table, vocabulary, width, ids, n, y, error);
  return launched("embedding");
}

Status embedding_backward(const float* dy, const std::int32_t* ids, std::int64_t n, int vocabulary, int width,
                          float* dtable, bool accumulate, DeviceError* error, cudaStream_t stream) {
  constexpr int kMostColumns = 65535 * kColumnThreads;
  if (vocabulary < 0 || width < 0 || n < 0 || width > kMostColumns) {
    return invalid_argument("embedding_backward: a length is negative, or width above 8 million");
  }
  if (vocabulary == 0 || width == 0) {
    return {};
  }
  if (dtable == nullptr || (n > 0 && (dy == nullptr || ids == nullptr))) {
    return invalid_argument("embedding_backward: dy, ids or dtable is null");
  }
  const dim3 grid(static_cast<unsigned>(vocabulary), static_cast<unsigned>((width - 1) / kColumnThreads + 1));
  embedding_backward_kernel<<<grid, kColumnThreads, 0, stream>>>(dy, ids, n, vocabulary, width, dtable, accumulate,
                                                                 error);
  return launched("embedding_backward");
}

}  // namespace bnas::cuda
