// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace bnas::cuda {

/// True in exactly one of the `count` blocks that call it with `ticket`, the one that comes last: it sees everything
/// that the others have written before, read past the first-level cache (__ldcg). Leaves the ticket zero. All threads
/// of a block call it and get one answer.
__device__ inline bool is_last_block(unsigned* ticket, unsigned count) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicInc(ticket, count - 1U) == count - 1U;  // wraps to zero
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace bnas::cuda
