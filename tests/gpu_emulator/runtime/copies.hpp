// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <driver_types.h>

#include "runtime/runtime.hpp"

namespace bnas::emu {

/// What an address means to a copy.
struct Place {
  Device* device = nullptr;  // null: host memory
  bool pinned = false;       // of host memory: devices reach it
  bool pageable() const { return !device && !pinned; }
};
Place place_of(Runtime& rt, const void* address);

/// Throws ApiError(cudaErrorInvalidValue) unless all of a device area lies in one allocation that was not given back.
void require_area(Runtime& rt, const Area& area);

/// Enqueues a copy. When it returns is as the runtime API documents ("API synchronization behavior"):
/// - `async` false: after the copy, except that one within devices is not waited for and that one from pageable memory
///   returns when that memory was read, before it is written to the device;
/// - `async` true: at once, except that a copy from host to host memory is waited for. Pageable memory is read before
/// (other sources when the copy runs); pageable memory is
///   written when the copy runs, though a real device may be done earlier.
void copy(Runtime& rt, Lock& lock, CUstream_st& stream, Area to, Area from, cudaMemcpyKind kind, bool async,
          const char* call);

/// As cudaMemset: not waited for, unless the target is host memory.
void fill(Runtime& rt, Lock& lock, CUstream_st& stream, const Fill& fill, bool async, const char* call);

}  // namespace bnas::emu
