// SPDX-License-Identifier: Apache-2.0
// Device side of DeviceError.
#pragma once

#include "bnas/cuda/device_error.hpp"

namespace bnas::cuda {

/// True when 0 <= value < limit; else notes the first such failure in `error`, where one is wanted.
__device__ inline bool index_in_range(DeviceError* error, IndexCheck op, std::int64_t position, std::int32_t value,
                                      std::int64_t limit) {
  if (value >= 0 && value < limit) {
    return true;
  }
  if (error != nullptr && atomicCAS(reinterpret_cast<int*>(&error->op), 0, static_cast<int>(op)) == 0) {
    error->position = static_cast<std::int32_t>(position);
    error->value = value;
    error->limit = static_cast<std::int32_t>(limit);
  }
  return false;
}

}  // namespace bnas::cuda
