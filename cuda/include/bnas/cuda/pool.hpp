// SPDX-License-Identifier: Apache-2.0
// Pools over images x (N,H,W,C) -> y (N,OH,OW,C), floats or packed bits (bnas/portable/bits.hpp); arrays begin at
// multiples of 16 bytes. Every window must have a tap inside its image. Each call is one launch. Every element has one
// writer, which adds windows in row-major order: the same bits in every run, and the CPU's.
#pragma once

#include <cuda_runtime_api.h>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::cuda {

/// Largest value inside the image. The maximum of bits is their AND: padding bits stay 0. A NaN wins only as the first
/// tap.
Status max_pool(const float* x, const Pool2dDims& dims, float* y, cudaStream_t stream);
Status max_pool(const Word* x, const Pool2dDims& dims, Word* y, cudaStream_t stream);

/// Pixels that a block computes together, sharing where the maxima are.
struct MaxPoolPolicy {
  int tile_h = 8;
  int tile_w = 8;
  int shared_bytes = 24 * 1024;  ///< at most 48 KiB; tiles shrink until they fit
};

/// dx (N,H,W,C) = dy routed to the first maximum of each window in row-major order; added to dx where `accumulate`.
/// A window has at most 65,535 taps.
Status max_pool_backward(const float* dy, const float* x, const Pool2dDims& dims, float* dx, bool accumulate,
                         cudaStream_t stream, const MaxPoolPolicy& policy = {});
Status max_pool_backward(const float* dy, const Word* x, const Pool2dDims& dims, float* dx, bool accumulate,
                         cudaStream_t stream, const MaxPoolPolicy& policy = {});

/// Mean over the taps inside the image.
Status avg_pool(const float* x, const Pool2dDims& dims, float* y, cudaStream_t stream);
Status avg_pool(const Word* x, const Pool2dDims& dims, float* y, cudaStream_t stream);

/// Each window spreads dy / taps over its taps; added to dx where `accumulate`.
Status avg_pool_backward(const float* dy, const Pool2dDims& dims, float* dx, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
