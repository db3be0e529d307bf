// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <new>

#include "runtime/options.hpp"
#include "runtime/runtime.hpp"

namespace bnas::emu {

/// Makes `code` the thread's last error, unless it is success.
inline cudaError_t remember(cudaError_t code) {
  if (code != cudaSuccess) {
    this_thread().last_error = code;
  }
  return code;
}

/// The body of an entry point: runs body(runtime, lock) and returns what cudaError_t it ends with, after injected
/// faults and unless the device is lost. An asynchronous error that the body brings about is returned by it.
template <typename Body>
cudaError_t api(const char* name, const Body& body) {
  if (this_thread().in_host_call) {
    return remember(cudaErrorNotPermitted);
  }
  try {
    Runtime& rt = runtime();
    Lock lock(rt.mutex);
    if (const auto code = rt.faults.on_call(name, this_note()); code && rt.sticky == cudaSuccess) {
      rt.fail(*code, std::string("injected into ") + name);
    }
    if (rt.sticky == cudaSuccess) {
      body(rt, lock);
    }
    return remember(rt.sticky);
  } catch (const ApiError& error) {
    if (error.what()[0] != '\0') {
      explain(std::string(name) + ": " + error.what());
    }
    return remember(error.code());
  } catch (const std::bad_alloc&) {
    return remember(cudaErrorMemoryAllocation);
  } catch (const std::exception& error) {
    explain(std::string(name) + ": " + error.what());
    return remember(cudaErrorUnknown);
  }
}

}  // namespace bnas::emu
