// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/batch.hpp"

#include "support/device_error.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

__global__ void advance_step_kernel(const StepValues* table, int steps, std::int32_t* counter, StepValues* current,
                                    DeviceError* error) {
  const std::int32_t next = *counter;
  if (index_in_range(error, IndexCheck::advance_step, 0, next, steps)) {
    *current = table[next];
    *counter = next + 1;
  }
}

/// A row of blocks per image (blockIdx.y), in strides where the batch has more images than a grid has rows.
__global__ void gather_batch_kernel(ResidentImages set, const std::int32_t* order, int order_size,
                                    const StepValues* step, float* batch, std::int32_t* labels, int size,
                                    DeviceError* error) {
  const std::int64_t first = step == nullptr ? 0 : step->first_row;
  for (int b = static_cast<int>(blockIdx.y); b < size; b += static_cast<int>(gridDim.y)) {
    const std::int64_t row = first + b;
    const std::int32_t index = row >= 0 && row < order_size ? order[row] : -1;
    const bool leads = blockIdx.x == 0 && threadIdx.x == 0;
    const bool known = leads ? index_in_range(error, IndexCheck::gather_batch, row, index, set.count)
                             : index >= 0 && index < set.count;
    if (leads) {
      labels[b] = known ? set.labels[index] : 0;
    }
    const std::uint8_t* image = set.images + static_cast<std::int64_t>(known ? index : 0) * set.image_bytes;
    float* to = batch + static_cast<std::int64_t>(b) * set.image_bytes;
    for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < set.image_bytes;
         i += static_cast<int>(gridDim.x * blockDim.x)) {
      to[i] = known ? static_cast<float>(image[i]) / 127.5F - 1.0F : 0.0F;
    }
  }
}

/// A thread makes the four numbers of a Philox block.
__global__ void dropout_kernel(const float* x, std::int64_t n, const StepValues* step, std::uint64_t site, float rate,
                               float scale, float* y, bool accumulate) {
  const RandomKey key = step_key(*step, site, RandomPurpose::dropout);
  grid_stride((n + 3) / 4, [&](std::int64_t block) {
    const Philox4 numbers = key.block(static_cast<std::uint64_t>(block));
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const std::int64_t i = 4 * block + j;
      if (i < n) {
        write(y + i, uniform01(numbers.v[j]) >= rate ? x[i] * scale : 0.0F, accumulate);
      }
    }
  });
}

}  // namespace

Status advance_step(const StepValues* table, int steps, std::int32_t* counter, StepValues* current, DeviceError* error,
                    cudaStream_t stream) {
  if (table == nullptr || counter == nullptr || current == nullptr || steps < 0) {
    return invalid_argument("advance_step: table, counter or current is null");
  }
  advance_step_kernel<<<1, 1, 0, stream>>>(table, steps, counter, current, error);
  return launched("advance_step");
}

Status gather_batch(const ResidentImages& set, const std::int32_t* order, int order_size, const StepValues* step,
                    float* batch, std::int32_t* labels, int size, DeviceError* error, cudaStream_t stream) {
  if (size < 0 || order_size < 0 || set.count < 0 || set.image_bytes < 1) {
    return invalid_argument("gather_batch: a length is negative, or images have no bytes");
  }
  if (size == 0) {
    return {};
  }
  if (set.images == nullptr || set.labels == nullptr || order == nullptr || batch == nullptr || labels == nullptr) {
    return invalid_argument("gather_batch: a pointer is null");
  }
  constexpr int kMaxRows = 65535;
  const dim3 grid(blocks_for(set.image_bytes, 4 * kBlockThreads), static_cast<unsigned>(std::min(size, kMaxRows)));
  gather_batch_kernel<<<grid, kBlockThreads, 0, stream>>>(set, order, order_size, step, batch, labels, size, error);
  return launched("gather_batch");
}

Status dropout(const float* x, std::int64_t n, const StepValues* step, std::uint64_t site, float rate, float scale,
               float* y, bool accumulate, cudaStream_t stream) {
  if (n < 0 || step == nullptr || (n > 0 && (x == nullptr || y == nullptr))) {
    return invalid_argument("dropout: x, y or step is null");
  }
  if (n == 0) {
    return {};
  }
  dropout_kernel<<<blocks_for((n + 3) / 4), kBlockThreads, 0, stream>>>(x, n, step, site, rate, scale, y, accumulate);
  return launched("dropout");
}

}  // namespace bnas::cuda
