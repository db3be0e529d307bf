// SPDX-License-Identifier: Apache-2.0
// Orders of items by CUB's radix sort, which is stable: ties go to the smaller number. Exact.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::cuda {

/// For both calls below, with `n` items; of the current device.
std::size_t sort_workspace_bytes(std::int64_t n);

/// order (n) = 0 .. n-1 in the random order of bnas/portable/shuffle.hpp.
Status shuffle(const RandomKey& key, std::int64_t n, std::int32_t* order, const Scratch& scratch, cudaStream_t stream);

/// indices (k): those of the k largest of scores (n), the largest first, k <= n. -0 equals 0; NaN comes last. Where
/// `top` (k) is not null it gets their scores.
Status top_k(const float* scores, std::int64_t n, std::int64_t k, std::int32_t* indices, float* top,
             const Scratch& scratch, cudaStream_t stream);

}  // namespace bnas::cuda
