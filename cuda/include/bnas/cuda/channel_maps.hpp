// SPDX-License-Identifier: Apache-2.0
// Maps and sums with a number per channel over x (rows, channels), and channels that move. A gradient is added where
// `accumulate`. Every element has one writer; sums are in double, in an order fixed by the shape.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/number_type.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// Rows and channels of a matrix; no more than 1,000,000 channels.
struct Matrix {
  std::int64_t rows = 0;
  std::int64_t channels = 0;
};

/// y = x * scale (channels); x of the type given, y f32, which may be x.
Status scale_channels(const void* x, NumberType type, const float* scale, const Matrix& size, float* y, bool accumulate,
                      cudaStream_t stream);

/// y = x > 0 ? x : slope (channels) * x; y may be x.
Status prelu(const float* x, const float* slope, const Matrix& size, float* y, cudaStream_t stream);

/// dx = x > 0 ? dy : slope * dy.
Status prelu_backward(const float* dy, const float* x, const float* slope, const Matrix& size, float* dx,
                      bool accumulate, cudaStream_t stream);

/// Scratch of the two sums below.
std::size_t channel_sums_workspace_bytes(const Matrix& size);

/// dot (channels) = sum over rows of a * b; b of the type given.
Status dot_channels(const float* a, const void* b, NumberType type, const Matrix& size, float* dot, bool accumulate,
                    const Scratch& scratch, cudaStream_t stream);

/// dslope (channels) = sum over rows of x > 0 ? 0 : dy * x.
Status prelu_slope_backward(const float* dy, const float* x, const Matrix& size, float* dslope, bool accumulate,
                            const Scratch& scratch, cudaStream_t stream);

/// dx (size)[:, begin : begin + width] = dy (rows, width), the other channels 0; with `accumulate` added, and the
/// others stay.
Status place_channels(const float* dy, std::int64_t begin, std::int64_t width, const Matrix& size, float* dx,
                      bool accumulate, cudaStream_t stream);

/// y[:, i * groups + g] = x[:, g * (channels / groups) + i]; groups divides channels.
Status shuffle_channels(const float* x, std::int64_t groups, const Matrix& size, float* y, bool accumulate,
                        cudaStream_t stream);

}  // namespace bnas::cuda
