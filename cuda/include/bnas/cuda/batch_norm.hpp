// SPDX-License-Identifier: Apache-2.0
// Batch normalization per channel (Ioffe and Szegedy 2015, algorithm 1) in the agreed form of
// bnas/portable/batch_norm.hpp. Arrays per channel are f32 (channels); matrices are (rows, channels), channels
// innermost, at most a million, and begin at multiples of 16 bytes. No output may overlap an input unless said
// otherwise.
//
// Determinism: sums of integers are exact, so that means, variances and signs are those of the CPU bit for bit. Sums of
// floats are in double (backward: in float over 32 rows, then in double) in a fixed order: the same bits in every run.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/number_type.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// What is normalized: x (rows, channels).
struct NormInput {
  const void* x = nullptr;
  NumberType type = NumberType::f32;
  std::int64_t rows = 0;
  std::int64_t channels = 0;
};

/// Outputs: mean and biased variance of a batch. Where the running ones are not null they move as
/// running = momentum * running + (1 - momentum) * batch, the variance towards the unbiased n / (n - 1) of the batch.
struct BatchMoments {
  float* mean = nullptr;
  float* variance = nullptr;
  float momentum = 0.0F;
  float* running_mean = nullptr;  ///< both or neither
  float* running_variance = nullptr;
};

/// Sums that a binary convolution has written: sums[c] of x and sums[channels + c] of x^2 over all rows.
struct BatchSums {
  const std::int64_t* sums = nullptr;
  BatchMoments moments;
};

/// Statistics that are known: of a batch, or running ones.
struct KnownMoments {
  const float* mean = nullptr;
  const float* variance = nullptr;
};

struct NormScale {
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float eps = 0.0F;
};

/// Sizes to tune.
struct BatchNormPolicy {
  int sum_values = 8192;       ///< of x in a block of a sum
  int sum_blocks = 256;        ///< at most, where sums end in one block
  int map_values = 4096;       ///< of x in a block of a map
  int map_blocks = 4096;       ///< at most
  int one_launch_rows = 1024;  ///< up to which backward lets one block see all rows of its channels
};

/// Moments of x. One launch. At least one row; with many rows at most 128 kTickets channels. Sums have 64 bits: exact
/// for 2^33 rows of i16.
std::size_t batch_norm_stats_workspace_bytes(const NormInput& x, const BatchNormPolicy& policy = {});
Status batch_norm_stats(const NormInput& x, const BatchMoments& moments, const Scratch& scratch, cudaStream_t stream,
                        const BatchNormPolicy& policy = {});

/// The same from sums over `rows` rows. One launch.
Status batch_norm_moments(const BatchSums& sums, std::int64_t rows, std::int64_t channels, cudaStream_t stream);

/// y (rows, channels) f32 = fma(x - mean, gamma / sqrt(variance + eps), beta). One launch. y may be x.
/// From sums the launch also computes the moments, and writes them and the running statistics once.
Status batch_norm_apply(const NormInput& x, const KnownMoments& moments, const NormScale& scale, float* y,
                        cudaStream_t stream, const BatchNormPolicy& policy = {});
Status batch_norm_apply(const NormInput& x, const BatchSums& sums, const NormScale& scale, float* y,
                        cudaStream_t stream, const BatchNormPolicy& policy = {});

/// bits (rows, words_for(channels)) = sign(y) of that y; mask bits, where `mask` is not null, are 1 where |y| <= 1.
/// Padding bits of both are 0. One launch.
Status batch_norm_sign(const NormInput& x, const KnownMoments& moments, const NormScale& scale, Word* bits, Word* mask,
                       cudaStream_t stream, const BatchNormPolicy& policy = {});
Status batch_norm_sign(const NormInput& x, const BatchSums& sums, const NormScale& scale, Word* bits, Word* mask,
                       cudaStream_t stream, const BatchNormPolicy& policy = {});

/// A gradient to write: null is not wanted.
struct NormGradient {
  float* data = nullptr;
  bool accumulate = false;
};

/// With dy' = dy where the mask bit is 1, else 0, and xhat = (x - mean) rstd:
///   dbeta = sum dy',  dgamma = sum dy' xhat,  dx = gamma rstd (dy' - dbeta / n - xhat dgamma / n),
/// and with `frozen` statistics dx = gamma rstd dy'.
struct BatchNormBackward {
  NormInput x;
  const float* dy = nullptr;   ///< (rows, channels), at any address
  std::int64_t dy_row = 0;     ///< floats from row to row of dy, which may be columns of a wider matrix; 0: channels
  const Word* mask = nullptr;  ///< (rows, words_for(channels)); null: all ones
  KnownMoments moments;
  const float* gamma = nullptr;
  float eps = 0.0F;
  bool frozen = false;
  NormGradient dx;  ///< (rows, channels)
  NormGradient dgamma;
  NormGradient dbeta;
};

/// One launch where a block sees all rows of its channels (BatchNormPolicy::one_launch_rows), or where dx or the sums
/// are not wanted; else two.
std::size_t batch_norm_backward_workspace_bytes(const BatchNormBackward& call, const BatchNormPolicy& policy = {});
Status batch_norm_backward(const BatchNormBackward& call, const Scratch& scratch, cudaStream_t stream,
                           const BatchNormPolicy& policy = {});

}  // namespace bnas::cuda
