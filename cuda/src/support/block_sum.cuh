// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace bnas::cuda {

/// The sum of `value` over the kThreads threads of a block, a power of two of at least a warp, in a tree of fixed
/// shape; all threads call it, thread 0 gets the sum.
template <int kThreads, class T>
__device__ T block_sum(T value) {
  static_assert(kThreads >= 32 && (kThreads & (kThreads - 1)) == 0);
  constexpr int kWarps = kThreads / 32;
  __shared__ T warps[kWarps];
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_down_sync(~0U, value, distance);
  }
  if (threadIdx.x % 32 == 0) {
    warps[threadIdx.x / 32] = value;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < kWarps; ++i) {
      value += warps[i];
    }
  }
  __syncthreads();  // the next call may write
  return value;
}

}  // namespace bnas::cuda
