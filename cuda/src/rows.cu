// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/rows.hpp"

#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kSide = 32;  // columns of a block, and chains of rows

__global__ void add_bias_kernel(const float* x, const float* bias, std::int64_t n, int columns, float* y) {
  grid_stride(n, [=](std::int64_t i) { y[i] = x[i] + bias[i % columns]; });
}

/// Block (32, 32): thread (c, r) adds rows r, r + 32, ... of one column; then a warp adds the chains of a column.
__global__ void __launch_bounds__(kSide* kSide)
    sum_rows_kernel(const float* x, std::int64_t rows, int columns, float* sums, bool accumulate) {
  __shared__ float chains[kSide][kSide + 1];  // [column][row]; the odd pitch keeps columns apart in the banks
  const int first = static_cast<int>(blockIdx.x) * kSide;
  const int column = first + static_cast<int>(threadIdx.x);
  float sum = 0.0F;
  if (column < columns) {
    for (std::int64_t r = threadIdx.y; r < rows; r += kSide) {
      sum += x[r * columns + column];
    }
  }
  chains[threadIdx.x][threadIdx.y] = sum;
  __syncthreads();
  sum = chains[threadIdx.y][threadIdx.x];
  for (int distance = kSide / 2; distance > 0; distance /= 2) {
    sum += __shfl_down_sync(~0U, sum, distance);
  }
  const int summed = first + static_cast<int>(threadIdx.y);
  if (threadIdx.x == 0 && summed < columns) {
    write(sums + summed, sum, accumulate);
  }
}

}  // namespace

Status add_bias(const float* x, const float* bias, std::int64_t rows, int columns, float* y, cudaStream_t stream) {
  if (rows < 0 || columns < 0) {
    return invalid_argument("add_bias: a length is negative");
  }
  const std::int64_t n = rows * columns;
  if (n == 0) {
    return {};
  }
  if (x == nullptr || bias == nullptr || y == nullptr) {
    return invalid_argument("add_bias: x, bias or y is null");
  }
  add_bias_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(x, bias, n, columns, y);
  return launched("add_bias");
}

Status sum_rows(const float* x, std::int64_t rows, int columns, float* sums, bool accumulate, cudaStream_t stream) {
  if (rows < 0 || columns < 0) {
    return invalid_argument("sum_rows: a length is negative");
  }
  if (columns == 0) {
    return {};
  }
  if (sums == nullptr || (x == nullptr && rows > 0)) {
    return invalid_argument("sum_rows: x or sums is null");
  }
  sum_rows_kernel<<<(columns + kSide - 1) / kSide, dim3(kSide, kSide), 0, stream>>>(x, rows, columns, sums, accumulate);
  return launched("sum_rows");
}

}  // namespace bnas::cuda
