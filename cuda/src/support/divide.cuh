// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace bnas::cuda {

/// a / b for a >= 0, b > 0: in 32 bits where they suffice, since division of 64-bit integers is slow.
__device__ inline std::int64_t divide(std::int64_t a, std::int64_t b) {
  return static_cast<std::uint64_t>(a | b) >> 32U == 0
             ? static_cast<std::int64_t>(static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b))
             : a / b;
}

}  // namespace bnas::cuda
