// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "runtime/runtime.hpp"

namespace bnas::emu {

/// The launch of a kernel with its arguments copied, checked as a device checks it. Throws ApiError.
KernelCall make_call(Runtime& rt, const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared);

/// Dynamic shared memory that launches of the kernel may ask for.
std::size_t dynamic_shared_limit(const KernelSymbol& kernel, const Device& device);

/// Blocks that fit a multiprocessor at once.
int resident_blocks(const KernelSymbol& kernel, const Device& device, int block_threads, std::size_t dynamic_shared);

}  // namespace bnas::emu
