// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// y[i] = value for i in [0, n).
Status fill(float* y, std::int64_t n, float value, cudaStream_t stream);

}  // namespace bnas::cuda
