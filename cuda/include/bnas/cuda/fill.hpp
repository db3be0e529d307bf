// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// y[i] = value for i in [0, n). One launch.
Status fill(float* y, std::int64_t n, float value, cudaStream_t stream);
Status fill(Word* y, std::int64_t n, Word value, cudaStream_t stream);
Status fill(std::uint8_t* y, std::int64_t n, std::uint8_t value, cudaStream_t stream);

}  // namespace bnas::cuda
