// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/transpose.hpp"

#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kSide = 32;  // of a tile
constexpr int kRows = 8;   // threads of a block in y; each takes every 8th row of a tile
constexpr std::int64_t kMaxBlocks = 65535;

/// A block takes tile (blockIdx.x, blockIdx.y) of matrices blockIdx.z, blockIdx.z + gridDim.z, ... Both reading and
/// writing are along rows, through shared memory with an odd pitch.
__global__ void __launch_bounds__(kSide* kRows)
    transpose_kernel(const float* x, std::int64_t count, int rows, int columns, float* y) {
  __shared__ float tile[kSide][kSide + 1];
  const int row0 = static_cast<int>(blockIdx.y) * kSide, column0 = static_cast<int>(blockIdx.x) * kSide;
  const int lane = static_cast<int>(threadIdx.x), first = static_cast<int>(threadIdx.y);
  const std::int64_t size = static_cast<std::int64_t>(rows) * columns;
  for (std::int64_t n = blockIdx.z; n < count; n += gridDim.z) {
    for (int i = first; i < kSide; i += kRows) {
      if (row0 + i < rows && column0 + lane < columns) {
        tile[i][lane] = x[n * size + static_cast<std::int64_t>(row0 + i) * columns + column0 + lane];
      }
    }
    __syncthreads();
    for (int i = first; i < kSide; i += kRows) {
      if (column0 + i < columns && row0 + lane < rows) {
        y[n * size + static_cast<std::int64_t>(column0 + i) * rows + row0 + lane] = tile[lane][i];
      }
    }
    __syncthreads();
  }
}

unsigned tiles(int length) { return static_cast<unsigned>((length + kSide - 1) / kSide); }

}  // namespace

Status transpose(const float* x, std::int64_t count, int rows, int columns, float* y, cudaStream_t stream) {
  if (count < 0 || rows < 0 || columns < 0 || tiles(rows) > kMaxBlocks) {
    return invalid_argument("transpose: a length is not valid");
  }
  if (count == 0 || rows == 0 || columns == 0) {
    return {};
  }
  if (x == nullptr || y == nullptr || x == y) {
    return invalid_argument("transpose: x or y is null, or they are one");
  }
  const dim3 grid(tiles(columns), tiles(rows), static_cast<unsigned>(std::min(count, kMaxBlocks)));
  transpose_kernel<<<grid, dim3(kSide, kRows), 0, stream>>>(x, count, rows, columns, y);
  return launched("transpose");
}

}  // namespace bnas::cuda
