// SPDX-License-Identifier: Apache-2.0
// Maps of n floats, one launch each; an output may be one of the inputs, but not overlap it otherwise. Where
// `accumulate` is true the result is added to the output.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// y = x bytewise: a copy node, no kernel. y may be x.
Status copy(const void* x, std::size_t bytes, void* y, cudaStream_t stream);

/// y = a + b.
Status add(const float* a, const float* b, std::int64_t n, float* y, cudaStream_t stream);

/// y = factor * x.
Status scale(const float* x, std::int64_t n, float factor, float* y, bool accumulate, cudaStream_t stream);

/// y = 1 / (1 + exp(-x)), to 3 units in the last place.
Status sigmoid(const float* x, std::int64_t n, float* y, cudaStream_t stream);

/// dx = dy y (1 - y).
Status sigmoid_backward(const float* dy, const float* y, std::int64_t n, float* dx, bool accumulate,
                        cudaStream_t stream);

/// y = max(x, 0); NaN stays NaN.
Status relu(const float* x, std::int64_t n, float* y, cudaStream_t stream);

/// dx = y > 0 ? dy : 0.
Status relu_backward(const float* dy, const float* y, std::int64_t n, float* dx, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
