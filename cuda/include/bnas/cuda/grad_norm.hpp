// SPDX-License-Identifier: Apache-2.0
// Sums of squares in double, so that their order, which is fixed, hardly shows: threads of a block add every 256th
// value, a tree adds threads, another one blocks. The same bits each time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// A tensor of n floats.
struct Gradient {
  float* data = nullptr;
  std::int64_t n = 0;
};

/// Tensors that one launch takes; more need one launch for every kNormGradients.
inline constexpr int kNormGradients = 150;

/// Sizes to tune.
struct GradNormPolicy {
  int block_values = 4096;
};

std::size_t sum_squares_workspace_bytes(const Gradient* tensors, int count, const GradNormPolicy& policy = {});

/// *sum = sum of x^2 of all `tensors` (host array, read during the call), or += with `accumulate`, rounded once.
/// Where `all_finite` is not null, *all_finite = 1, or 0 if some value is infinite or NaN: double holds every sum of
/// squares of floats.
Status sum_squares(const Gradient* tensors, int count, float* sum, bool accumulate, std::int32_t* all_finite,
                   const Scratch& scratch, cudaStream_t stream, const GradNormPolicy& policy = {});

/// *norm = L2 norm of all tensors together. Where it exceeds max_norm, each value is multiplied by max_norm / norm.
/// Workspace as for sum_squares. Two launches for every kNormGradients.
Status clip_grad_norm(const Gradient* tensors, int count, float max_norm, float* norm, std::int32_t* all_finite,
                      const Scratch& scratch, cudaStream_t stream, const GradNormPolicy& policy = {});

}  // namespace bnas::cuda
