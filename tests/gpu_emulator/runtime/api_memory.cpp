// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "runtime/allocations.hpp"
#include "runtime/api.hpp"
#include "runtime/captures.hpp"
#include "runtime/copies.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

namespace {

Area bytes_at(const void* address, std::size_t bytes) { return {address, bytes, 1, bytes}; }

cudaError_t copy_bytes(const char* call, const Area& to, const Area& from, cudaMemcpyKind kind, cudaStream_t stream,
                       bool async) {
  return api(call,
             [&](Runtime& rt, Lock& lock) { copy(rt, lock, find_stream(rt, stream), to, from, kind, async, call); });
}

cudaError_t fill_bytes(const char* call, const Area& to, int value, cudaStream_t stream, bool async) {
  return api(call, [&](Runtime& rt, Lock& lock) {
    fill(rt, lock, find_stream(rt, stream), Fill{to, static_cast<unsigned>(value) & 0xffU, 1}, async, call);
  });
}

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(address != nullptr);
    *address = nullptr;
    *address = allocate(rt, lock, bytes, "cudaMalloc");
  });
}

cudaError_t cudaFree(void* address) {
  return api(__func__, [&](Runtime& rt, Lock& lock) { release(rt, lock, address, "cudaFree"); });
}

cudaError_t cudaHostAlloc(void** address, std::size_t bytes, unsigned flags) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    constexpr unsigned kFlags = cudaHostAllocPortable | cudaHostAllocMapped;
    require(address != nullptr && (flags & ~kFlags) == 0);
    rt.current_device();
    forbid_in_capture(rt, "cudaHostAlloc");
    rt.scheduler.settle(lock);
    constexpr std::size_t kAlignment = 4096;
    *address = std::aligned_alloc(kAlignment, (bytes + kAlignment) / kAlignment * kAlignment);
    require(*address != nullptr, cudaErrorMemoryAllocation);
    rt.pinned[*address] = bytes;
    for (const auto& device : rt.devices()) {
      device->memory.adopt(*address, bytes, true);
    }
  });
}

cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  return cudaHostAlloc(address, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void* address) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    if (!address) {
      return;
    }
    forbid_in_capture(rt, "cudaFreeHost");
    require(rt.pinned.contains(address));
    for (const auto& device : rt.devices()) {
      wait_for_device(rt, lock, *device);
    }
    rt.scheduler.settle(lock);
    const auto begin = reinterpret_cast<std::uintptr_t>(address);
    rt.tracker.forget({begin, begin + rt.pinned.at(address)});
    for (const auto& device : rt.devices()) {
      device->memory.disown(address);
    }
    rt.pinned.erase(address);
    std::free(address);
  });
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(device != nullptr && place_of(rt, host).pinned);
    *device = host;
  });
}

cudaError_t cudaMallocManaged(void**, std::size_t, unsigned) {
  return api(__func__,
             [](Runtime&, Lock&) { throw ApiError(cudaErrorNotSupported, "managed memory is not emulated"); });
}

cudaError_t cudaHostRegister(void*, std::size_t, unsigned) {
  return api(__func__, [](Runtime&, Lock&) {
    throw ApiError(cudaErrorNotSupported, "registering host memory is not emulated; cudaHostAlloc is");
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return copy_bytes(__func__, bytes_at(to, bytes), bytes_at(from, bytes), kind, nullptr, false);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_bytes(__func__, bytes_at(to, bytes), bytes_at(from, bytes), kind, stream, true);
}

cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                         std::size_t rows, cudaMemcpyKind kind) {
  return copy_bytes(__func__, {to, width, rows, to_pitch}, {from, width, rows, from_pitch}, kind, nullptr, false);
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t rows, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_bytes(__func__, {to, width, rows, to_pitch}, {from, width, rows, from_pitch}, kind, stream, true);
}

cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, std::size_t bytes,
                                cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(place_of(rt, to).device == &rt.device(to_device) && place_of(rt, from).device == &rt.device(from_device));
    copy(rt, lock, find_stream(rt, stream), bytes_at(to, bytes), bytes_at(from, bytes), cudaMemcpyDeviceToDevice, true,
         "cudaMemcpyPeerAsync");
  });
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return fill_bytes(__func__, bytes_at(to, bytes), value, nullptr, false);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return fill_bytes(__func__, bytes_at(to, bytes), value, stream, true);
}

cudaError_t cudaMemset2D(void* to, std::size_t pitch, int value, std::size_t width, std::size_t rows) {
  return fill_bytes(__func__, {to, width, rows, pitch}, value, nullptr, false);
}

cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width, std::size_t rows,
                              cudaStream_t stream) {
  return fill_bytes(__func__, {to, width, rows, pitch}, value, stream, true);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(attributes != nullptr);
    const Place place = place_of(rt, address);
    auto* const pointer = const_cast<void*>(address);
    *attributes = {};
    attributes->type = place.device   ? cudaMemoryTypeDevice
                       : place.pinned ? cudaMemoryTypeHost
                                      : cudaMemoryTypeUnregistered;
    attributes->device = place.device ? place.device->ordinal : place.pinned ? rt.current_device().ordinal : -2;
    attributes->devicePointer = place.pageable() ? nullptr : pointer;
    attributes->hostPointer = place.device ? nullptr : pointer;
  });
}

}  // extern "C"
