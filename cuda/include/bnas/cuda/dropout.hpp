// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cuda {

/// y[i] = keep ? x[i] * scale : 0, or += with `accumulate`, where keep = key.uniform(i) >= rate and key is
/// step_key(*step, site, dropout): the bits of the CPU. `step` is read on the device; y may be x. One launch.
Status dropout(const float* x, std::int64_t n, const StepValues* step, std::uint64_t site, float rate, float scale,
               float* y, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
