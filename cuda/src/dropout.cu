// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/dropout.hpp"

#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kNumbers = 4;  // of a block of Philox: a thread's share

/// Four neighbours from 4 * i on: one vector, but at the end of the array.
__global__ void __launch_bounds__(kBlockThreads)
    dropout_kernel(const float* x, std::int64_t n, const StepValues* step, std::uint64_t site, float rate, float scale,
                   float* y, bool accumulate) {
  __shared__ RandomKey key;
  if (threadIdx.x == 0) {
    key = step_key(*step, site, RandomPurpose::dropout);
  }
  __syncthreads();
  const auto kept = [&](float value, std::uint32_t number) { return uniform01(number) >= rate ? value * scale : 0.0F; };
  grid_stride((n + kNumbers - 1) / kNumbers, [&](std::int64_t i) {
    const Philox4 numbers = key.block(static_cast<std::uint64_t>(i));
    if ((i + 1) * kNumbers <= n) {
      const float4 from = reinterpret_cast<const float4*>(x)[i];
      float4 to = accumulate ? reinterpret_cast<const float4*>(y)[i] : float4{};
      write(&to.x, kept(from.x, numbers.v[0]), accumulate);
      write(&to.y, kept(from.y, numbers.v[1]), accumulate);
      write(&to.z, kept(from.z, numbers.v[2]), accumulate);
      write(&to.w, kept(from.w, numbers.v[3]), accumulate);
      reinterpret_cast<float4*>(y)[i] = to;
      return;
    }
    const std::int64_t first = i * kNumbers;
#pragma unroll
    for (int j = 0; j < kNumbers; ++j) {
      if (first + j < n) {
        write(y + first + j, kept(x[first + j], numbers.v[j]), accumulate);
      }
    }
  });
}

}  // namespace

Status dropout(const float* x, std::int64_t n, const StepValues* step, std::uint64_t site, float rate, float scale,
               float* y, bool accumulate, cudaStream_t stream) {
  if (n < 0 || step == nullptr || (n > 0 && (x == nullptr || y == nullptr))) {
    return invalid_argument("dropout: x, y or step is null, or n is negative");
  }
  if (n == 0) {
    return {};
  }
  dropout_kernel<<<blocks_for((n + kNumbers - 1) / kNumbers), kBlockThreads, 0, stream>>>(x, n, step, site, rate, scale,
                                                                                          y, accumulate);
  return launched("dropout");
}

}  // namespace bnas::cuda
