// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/fill.hpp"

#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

__global__ void fill_kernel(float* y, std::int64_t n, float value) {
  grid_stride(n, [=](std::int64_t i) { y[i] = value; });
}

}  // namespace

Status fill(float* y, std::int64_t n, float value, cudaStream_t stream) {
  if (n < 0 || (y == nullptr && n > 0)) {
    return invalid_argument("fill: y is null or n is negative");
  }
  if (n == 0) {
    return {};
  }
  fill_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(y, n, value);
  return launched("fill");
}

}  // namespace bnas::cuda
