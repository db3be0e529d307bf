// SPDX-License-Identifier: Apache-2.0
// Host side of launches: grid sizes, launch errors as statuses, what the current device is.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

inline constexpr int kBlockThreads = 256;  // of kernels without shared memory, where nothing else matters
inline constexpr unsigned kMaxGridBlocks = 1U << 16U;

/// Blocks of `threads` that cover `n` elements; a grid-stride loop takes what is beyond kMaxGridBlocks.
inline unsigned blocks_for(std::int64_t n, int threads = kBlockThreads) {
  return static_cast<unsigned>(std::min<std::int64_t>((n + threads - 1) / threads, kMaxGridBlocks));
}

/// `data` begins at a multiple of `bytes`.
inline bool is_aligned(const void* data, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(data) % bytes == 0;
}

inline Status from_cuda(cudaError_t error, const char* message) {
  return error == cudaSuccess ? Status{} : Status{StatusCode::cuda_error, static_cast<int>(error), message};
}

/// The status of the launch just made.
inline Status launched(const char* op) { return from_cuda(cudaGetLastError(), op); }

/// Must be called before a launch with `bytes` of dynamic shared memory. Beyond what every kernel may have, the kernel
/// is allowed all that the device has, so that threads which launch it with different sizes do not undo each other's
/// wish.
template <class Kernel>
cudaError_t allow_shared(Kernel* kernel, std::int64_t bytes) {
  constexpr int kWithoutAsking = 48 * 1024;
  if (bytes <= kWithoutAsking) {
    return cudaSuccess;
  }
  int device = 0;
  int most = 0;
  cudaFuncAttributes attributes{};
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) {
    return error;
  }
  if (const cudaError_t error = cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
      error != cudaSuccess) {
    return error;
  }
  if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess) {
    return error;
  }
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              most - static_cast<int>(attributes.sharedSizeBytes));
}

/// Calls visit(i) for this thread's share of [0, n).
template <class Visit>
__device__ void grid_stride(std::int64_t n, Visit visit) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    visit(i);
  }
}

/// y = value, or y += value: how a gradient is written.
template <class T>
__device__ void write(T* y, T value, bool accumulate) {
  *y = accumulate ? *y + value : value;
}

}  // namespace bnas::cuda
