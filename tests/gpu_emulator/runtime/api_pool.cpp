// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/allocations.hpp"
#include "runtime/api.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

extern "C" {

cudaError_t cudaMallocAsync(void** address, std::size_t bytes, cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(address != nullptr);
    CUstream_st& found = find_stream(rt, stream);
    *address = nullptr;
    *address = allocate_async(rt, lock, bytes, *found.device->current_pool, found, "cudaMallocAsync");
  });
}

cudaError_t cudaMallocFromPoolAsync(void** address, std::size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(address != nullptr);
    CUstream_st& found = find_stream(rt, stream);
    *address = nullptr;
    *address = allocate_async(rt, lock, bytes, find_pool(rt, pool), found, "cudaMallocFromPoolAsync");
  });
}

cudaError_t cudaFreeAsync(void* address, cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    release_async(rt, lock, address, find_stream(rt, stream), "cudaFreeAsync");
  });
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(pool != nullptr);
    *pool = rt.device(device).pools.front().get();
  });
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(pool != nullptr);
    *pool = rt.device(device).current_pool;
  });
}

cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(find_pool(rt, pool).device == &rt.device(device), cudaErrorInvalidDevice);
    rt.device(device).current_pool = pool;
  });
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(pool != nullptr && properties != nullptr && properties->allocType == cudaMemAllocationTypePinned &&
            properties->location.type == cudaMemLocationTypeDevice);
    if (properties->handleTypes != cudaMemHandleTypeNone) {
      throw ApiError(cudaErrorNotSupported, "pools that other processes open are not emulated");
    }
    Device& device = rt.device(properties->location.id);
    device.pools.push_back(std::make_unique<CUmemPoolHandle_st>());
    *pool = device.pools.back().get();
    (*pool)->device = &device;
  });
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    CUmemPoolHandle_st& found = find_pool(rt, pool);
    Device& device = *found.device;
    require(&found != device.pools.front().get());
    if (device.current_pool == pool) {
      device.current_pool = device.pools.front().get();
    }
    found.destroyed = true;
    trim_pool(found, 0);
    if (found.used == 0) {
      std::erase_if(device.pools, [&](const auto& candidate) { return candidate.get() == pool; });
    }
  });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t keep) {
  return api(__func__, [&](Runtime& rt, Lock&) { trim_pool(find_pool(rt, pool), keep); });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(value != nullptr);
    CUmemPoolHandle_st& found = find_pool(rt, pool);
    switch (attribute) {
      case cudaMemPoolAttrReleaseThreshold:
        found.release_threshold = *static_cast<std::uint64_t*>(value);
        return;
      case cudaMemPoolAttrReservedMemHigh:
      case cudaMemPoolAttrUsedMemHigh:  // may only be reset
        require(*static_cast<std::uint64_t*>(value) == 0);
        (attribute == cudaMemPoolAttrUsedMemHigh ? found.used_high : found.reserved_high) =
            attribute == cudaMemPoolAttrUsedMemHigh ? found.used : found.reserved;
        return;
      case cudaMemPoolReuseFollowEventDependencies:
      case cudaMemPoolReuseAllowOpportunistic:
      case cudaMemPoolReuseAllowInternalDependencies:
        found.attributes[attribute] = *static_cast<int*>(value);
        return;
      default:
        throw ApiError(cudaErrorInvalidValue);
    }
  });
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(value != nullptr);
    const CUmemPoolHandle_st& found = find_pool(rt, pool);
    const auto set = [&](std::uint64_t bytes) { *static_cast<std::uint64_t*>(value) = bytes; };
    switch (attribute) {
      case cudaMemPoolAttrReleaseThreshold:
        return set(found.release_threshold);
      case cudaMemPoolAttrReservedMemCurrent:
        return set(found.reserved);
      case cudaMemPoolAttrReservedMemHigh:
        return set(found.reserved_high);
      case cudaMemPoolAttrUsedMemCurrent:
        return set(found.used);
      case cudaMemPoolAttrUsedMemHigh:
        return set(found.used_high);
      case cudaMemPoolReuseFollowEventDependencies:
      case cudaMemPoolReuseAllowOpportunistic:
      case cudaMemPoolReuseAllowInternalDependencies: {
        const auto it = found.attributes.find(attribute);
        *static_cast<int*>(value) = it == found.attributes.end() ? 1 : it->second;
        return;
      }
      default:
        throw ApiError(cudaErrorInvalidValue);
    }
  });
}

cudaError_t cudaMemPoolSetAccess(cudaMemPool_t pool, const cudaMemAccessDesc* descriptions, std::size_t count) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    const int owner = find_pool(rt, pool).device->ordinal;
    for (std::size_t i = 0; i < count; ++i) {
      const bool own =
          descriptions[i].location.type == cudaMemLocationTypeDevice && descriptions[i].location.id == owner;
      require(own && descriptions[i].flags == cudaMemAccessFlagsProtReadWrite, cudaErrorPeerAccessUnsupported);
    }
  });
}

}  // extern "C"
