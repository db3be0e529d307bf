// SPDX-License-Identifier: Apache-2.0
// Floats (rows, channels) side by side along channels, and slices of them. Every element has one writer.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// One input of a concatenation: x (rows, channels).
struct FloatInput {
  const float* x = nullptr;
  std::int64_t channels = 0;
};

/// y (rows, sum of channels) = `count` inputs side by side. `inputs` is host memory, read during the call. One launch
/// per 16 inputs.
Status concat_floats(const FloatInput* inputs, int count, std::int64_t rows, float* y, cudaStream_t stream);

/// dx (rows, width) = dy[:, begin : begin + width] of dy (rows, channels); added to dx where `accumulate`. One launch.
Status slice_channels(const float* dy, std::int64_t rows, std::int64_t channels, std::int64_t begin, std::int64_t width,
                      float* dx, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
