// SPDX-License-Identifier: Apache-2.0
// Batch normalization per channel (Ioffe and Szegedy 2015, algorithm 1) of x (rows, channels), channels innermost.
// Every result is bitwise reproducible: integers are summed exactly, floats in a fixed order; moments are computed in
// double and rounded once (bnas/portable/batch_norm.hpp), so that signs and masks are those of every other device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// Element types of what is normalized: dot products, or floats.
enum class NumberType : std::uint8_t { f32, i32, i16, i8 };

/// (rows, channels) numbers.
struct NumberRows {
  const void* data = nullptr;
  NumberType type = NumberType::f32;
  std::int64_t rows = 0;
  int channels = 0;
};

/// Running statistics, each f32 (channels): running = momentum * running + (1 - momentum) * batch, the variance with
/// the unbiased estimate. Null pointers: none are kept.
struct RunningMoments {
  float* mean = nullptr;
  float* variance = nullptr;
  float momentum = 0.0F;
};

std::size_t batch_norm_stats_workspace_bytes(const NumberRows& x);

/// mean and biased variance, f32 (channels), and the running statistics. Floats are summed in double: each of 8 chains
/// takes every eighth row of a slice, chains and slices are added in order. rows > 0.
Status batch_norm_stats(const NumberRows& x, float* mean, float* variance, const RunningMoments& running,
                        const Scratch& scratch, cudaStream_t stream);

/// Per-channel operands of the normalization, each f32 (channels).
struct BatchNormOperands {
  const float* mean = nullptr;
  const float* variance = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float eps = 0.0F;
};

/// y (rows, channels) f32 = fma(x - mean, gamma * rstd, beta).
Status batch_norm_apply(const NumberRows& x, const BatchNormOperands& operands, float* y, cudaStream_t stream);

/// bits = sign(y) and, where `mask` is not null, mask bits where |y| <= 1, of batch_norm_apply's y, which is not stored.
/// Both are (rows, words_for(channels)) words with padding bits 0.
Status batch_norm_sign(const NumberRows& x, const BatchNormOperands& operands, Word* bits, Word* mask,
                       cudaStream_t stream);

/// Gradients of the normalization; see batch_norm_backward.
struct BatchNormGradients {
  float* dx = nullptr;  ///< (rows, channels); null: not wanted
  bool accumulate_dx = false;
  float* dgamma = nullptr;  ///< (channels); null: not wanted
  bool accumulate_dgamma = false;
  float* dbeta = nullptr;
  bool accumulate_dbeta = false;
};

std::size_t batch_norm_backward_workspace_bytes(std::int64_t rows, int channels);

/// From dy (rows, channels) f32, which counts only where the bit of `mask` is 1 (null: everywhere). With `frozen`
/// statistics dx = dy * gamma * rstd, else the gradient through the batch's own mean and variance:
///   dx = gamma * rstd * (dy - mean(dy) - xhat * mean(dy * xhat)),  xhat = (x - mean) * rstd.
/// `operands.beta` is not read. Sums run in double, chains and slices as in batch_norm_stats. Two launches, one where
/// dx is not wanted.
Status batch_norm_backward(const float* dy, const Word* mask, const NumberRows& x, const BatchNormOperands& operands,
                           bool frozen, const BatchNormGradients& gradients, const Scratch& scratch,
                           cudaStream_t stream);

}  // namespace bnas::cuda
