// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocations.hpp"

#include <algorithm>

#include "runtime/captures.hpp"
#include "runtime/copies.hpp"
#include "runtime/streams.hpp"

namespace bnas::emu {
namespace {

AddressRange range_of(const void* address, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  return {begin, begin + bytes};
}

void* allocate_contents(Runtime& rt, Lock& lock, Device& device, std::size_t bytes) {
  rt.scheduler.settle(lock);
  void* address = device.memory.allocate(bytes);
  require(address != nullptr, cudaErrorMemoryAllocation);
  rt.tracker.forget(range_of(address, bytes));
  return address;
}

void inject_out_of_memory(Runtime& rt, const char* call) {
  require(!rt.faults.on_allocation(call, this_note()), cudaErrorMemoryAllocation);
}

// Makes room for `bytes` more by what a driver does before it gives up: pools give back what nobody uses, then pending
// frees are waited for.
void make_room(Runtime& rt, Lock& lock, Device& device, std::size_t bytes) {
  const auto trim = [&] {
    for (const auto& pool : device.pools) {
      trim_pool(*pool, 0);
    }
  };
  if (device.free_bytes() < bytes) {
    trim();
  }
  if (device.free_bytes() < bytes) {
    wait_for_device(rt, lock, device);
    trim();
  }
  require(device.free_bytes() >= bytes, cudaErrorMemoryAllocation);
}

// The block that starts at `address`, on any device. Freeing what is no block is an error and, since it tends to be
// memory freed twice, a finding.
std::pair<Device*, Device::Block*> find_block(Runtime& rt, void* address, const char* call) {
  Device* device = place_of(rt, address).device;
  if (device) {
    const auto it = device->blocks.find(address);
    if (it != device->blocks.end() && !it->second.freeing) {
      return {device, &it->second};
    }
    if (it != device->blocks.end() || device->memory.find(address)) {
      rt.findings.add(FindingKind::use_after_free, std::string(call) + " of memory that was freed before");
    }
  }
  throw ApiError(cudaErrorInvalidValue);
}

}  // namespace

CUmemPoolHandle_st& find_pool(Runtime& rt, cudaMemPool_t handle) {
  for (const auto& device : rt.devices()) {
    for (const auto& pool : device->pools) {
      if (pool.get() == handle && !pool->destroyed) {
        return *pool;
      }
    }
  }
  throw ApiError(cudaErrorInvalidValue);
}

void trim_pool(CUmemPoolHandle_st& pool, std::size_t keep) {
  pool.reserved = std::min(pool.reserved, std::max(pool.used, keep));
}

void trim_pools(Runtime& rt) {
  for (const auto& device : rt.devices()) {
    for (const auto& pool : device->pools) {
      trim_pool(*pool, pool->release_threshold);
    }
  }
}

void* allocate(Runtime& rt, Lock& lock, std::size_t bytes, const char* call) {
  Device& device = rt.current_device();
  forbid_in_capture(rt, call);
  inject_out_of_memory(rt, call);
  if (bytes == 0) {
    return nullptr;
  }
  make_room(rt, lock, device, bytes);
  void* address = allocate_contents(rt, lock, device, bytes);
  device.blocks[address] = {bytes, nullptr, false};
  device.malloc_bytes += bytes;
  return address;
}

void release(Runtime& rt, Lock& lock, void* address, const char* call) {
  forbid_in_capture(rt, call);
  if (!address) {
    return;
  }
  Device* const device = find_block(rt, address, call).first;
  wait_for_device(rt, lock, *device);
  trim_pools(rt);
  rt.scheduler.settle(lock);
  const std::size_t bytes = find_block(rt, address, call).second->bytes;  // looked up again: waiting gave up the lock
  rt.tracker.forget(range_of(address, bytes));
  device->memory.release(address);
  return_block(*device, address);
}

void* allocate_async(Runtime& rt, Lock& lock, std::size_t bytes, CUmemPoolHandle_st& pool, CUstream_st& stream,
                     const char* call) {
  forbid_on_capturing(rt, stream, call);
  inject_out_of_memory(rt, call);
  if (bytes == 0) {
    return nullptr;
  }
  Device& device = *pool.device;
  if (pool.reserved - pool.used < bytes) {
    make_room(rt, lock, device, bytes - (pool.reserved - pool.used));
  }
  void* address = allocate_contents(rt, lock, device, bytes);
  device.blocks[address] = {bytes, &pool, false};
  pool.used += bytes;
  pool.used_high = std::max(pool.used_high, pool.used);
  pool.reserved = std::max(pool.reserved, pool.used);
  pool.reserved_high = std::max(pool.reserved_high, pool.reserved);
  enqueue(rt, lock, stream, Allocate{address, bytes});
  return address;
}

void release_async(Runtime& rt, Lock& lock, void* address, CUstream_st& stream, const char* call) {
  forbid_on_capturing(rt, stream, call);
  if (!address) {
    return;
  }
  Device::Block* const block = find_block(rt, address, call).second;
  block->freeing = true;
  enqueue(rt, lock, stream, Release{address, block->bytes});
}

void return_block(Device& device, void* address) {
  const auto it = device.blocks.find(address);
  const Device::Block block = it->second;
  device.blocks.erase(it);
  if (!block.pool) {
    device.malloc_bytes -= block.bytes;
    return;
  }
  block.pool->used -= block.bytes;
  if (block.pool->destroyed && block.pool->used == 0) {
    std::erase_if(device.pools, [&](const auto& pool) { return pool.get() == block.pool; });
  }
}

}  // namespace bnas::emu
