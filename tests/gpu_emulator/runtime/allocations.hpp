// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/runtime.hpp"

namespace bnas::emu {

// Memory of devices and what is left of it. A pool reserves memory of its device in steps of nothing less than what is
// asked for; what is freed stays reserved until a synchronization trims the pool to its release threshold. Addresses
// are not reused before long, so that stale pointers are found; the books tell what a device would have left.

/// cudaMalloc. Null `address` for 0 bytes.
void* allocate(Runtime& rt, Lock& lock, std::size_t bytes, const char* call);
/// cudaFree: waits for the device first. Memory of pools too.
void release(Runtime& rt, Lock& lock, void* address, const char* call);

/// Stream-ordered: usable for what comes after it in the stream.
void* allocate_async(Runtime& rt, Lock& lock, std::size_t bytes, CUmemPoolHandle_st& pool, CUstream_st& stream,
                     const char* call);
void release_async(Runtime& rt, Lock& lock, void* address, CUstream_st& stream, const char* call);

/// A free has run: called with the lock by whoever runs operations.
void return_block(Device& device, void* address);

/// What a synchronization does to pools: all that is unused goes back beyond the release threshold.
void trim_pools(Runtime& rt);
void trim_pool(CUmemPoolHandle_st& pool, std::size_t keep);

CUmemPoolHandle_st& find_pool(Runtime& rt, cudaMemPool_t handle);

}  // namespace bnas::emu
