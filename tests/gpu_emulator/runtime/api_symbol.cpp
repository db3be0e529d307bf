// SPDX-License-Identifier: Apache-2.0
#include "runtime/api.hpp"
#include "runtime/copies.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

namespace {

// A part of a __device__ or __constant__ variable of the current device.
Area part_of(Runtime& rt, const void* symbol, std::size_t bytes, std::size_t offset) {
  const Registry::Variable variable = rt.registry.variable(symbol, rt.current_device());
  require(offset <= variable.bytes && bytes <= variable.bytes - offset);
  return {static_cast<char*>(variable.address) + offset, bytes, 1, bytes};
}

cudaError_t copy_to(const char* call, const void* symbol, const void* from, std::size_t bytes, std::size_t offset,
                    cudaMemcpyKind kind, cudaStream_t stream, bool async) {
  return api(call, [&](Runtime& rt, Lock& lock) {
    copy(rt, lock, find_stream(rt, stream), part_of(rt, symbol, bytes, offset), {from, bytes, 1, bytes}, kind, async,
         call);
  });
}

cudaError_t copy_from(const char* call, void* to, const void* symbol, std::size_t bytes, std::size_t offset,
                      cudaMemcpyKind kind, cudaStream_t stream, bool async) {
  return api(call, [&](Runtime& rt, Lock& lock) {
    copy(rt, lock, find_stream(rt, stream), {to, bytes, 1, bytes}, part_of(rt, symbol, bytes, offset), kind, async,
         call);
  });
}

}  // namespace

extern "C" {

cudaError_t cudaGetSymbolAddress(void** address, const void* symbol) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(address != nullptr);
    *address = rt.registry.variable(symbol, rt.current_device()).address;
  });
}

cudaError_t cudaGetSymbolSize(std::size_t* bytes, const void* symbol) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(bytes != nullptr);
    *bytes = rt.registry.variable(symbol, rt.current_device()).bytes;
  });
}

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* from, std::size_t bytes, std::size_t offset,
                               cudaMemcpyKind kind) {
  return copy_to(__func__, symbol, from, bytes, offset, kind, nullptr, false);
}

cudaError_t cudaMemcpyToSymbolAsync(const void* symbol, const void* from, std::size_t bytes, std::size_t offset,
                                    cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_to(__func__, symbol, from, bytes, offset, kind, stream, true);
}

cudaError_t cudaMemcpyFromSymbol(void* to, const void* symbol, std::size_t bytes, std::size_t offset,
                                 cudaMemcpyKind kind) {
  return copy_from(__func__, to, symbol, bytes, offset, kind, nullptr, false);
}

cudaError_t cudaMemcpyFromSymbolAsync(void* to, const void* symbol, std::size_t bytes, std::size_t offset,
                                      cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_from(__func__, to, symbol, bytes, offset, kind, stream, true);
}

}  // extern "C"
