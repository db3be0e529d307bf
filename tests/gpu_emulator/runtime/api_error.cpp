// SPDX-License-Identifier: Apache-2.0
#include "runtime/api.hpp"

using namespace bnas::emu;

namespace {

// What is wrong with the device hides what the thread did wrong.
cudaError_t last_error() {
  Runtime& rt = runtime();
  const Lock lock(rt.mutex);
  return rt.sticky != cudaSuccess ? rt.sticky : this_thread().last_error;
}

}  // namespace

extern "C" {

cudaError_t cudaPeekAtLastError() { return last_error(); }

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error();
  this_thread().last_error = cudaSuccess;
  return error;
}

const char* cudaGetErrorName(cudaError_t error) { return error_name(error); }
const char* cudaGetErrorString(cudaError_t error) { return error_text(error); }

}  // extern "C"
