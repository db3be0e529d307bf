// SPDX-License-Identifier: Apache-2.0
// Sums over so many terms that several blocks share each: one launch, fixed order, no float atomics.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "support/last_block.cuh"

namespace bnas::cuda {

/// Units are blockIdx.x, slices of their sums blockIdx.y in [0, gridDim.y).
struct SplitSum {
  float* partials;    ///< [unit][slice][element]; unused with one slice
  unsigned* tickets;  ///< [unit], zero
  int slice;          ///< terms of a slice
};

/// Adds the slices of `size` sums and calls store(element, sum) for each. `value(element)` is this block's share;
/// thread t of a block asks for elements t, t + blockDim.x, ... only. Slices are added in their order, whichever block
/// ends last.
template <class Value, class Store>
__device__ void finish_split_sum(const SplitSum& split, int size, Value value, Store store) {
  if (gridDim.y == 1) {
    for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
      store(i, value(i));
    }
    return;
  }
  float* unit = split.partials + static_cast<std::int64_t>(blockIdx.x) * gridDim.y * size;
  for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
    unit[static_cast<std::int64_t>(blockIdx.y) * size + i] = value(i);
  }
  if (!is_last_block(split.tickets + blockIdx.x, gridDim.y)) {
    return;
  }
  for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
    float sum = 0.0F;
    for (unsigned s = 0; s < gridDim.y; ++s) {
      sum += __ldcg(unit + static_cast<std::int64_t>(s) * size + i);  // from L2, where the other blocks wrote it
    }
    store(i, sum);
  }
}

}  // namespace bnas::cuda
