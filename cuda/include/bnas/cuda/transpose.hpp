// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// y (count, columns, rows) = x (count, rows, columns) with the last two axes exchanged; y is not x. Any length may be
/// 0. One launch.
Status transpose(const float* x, std::int64_t count, int rows, int columns, float* y, cudaStream_t stream);

}  // namespace bnas::cuda
