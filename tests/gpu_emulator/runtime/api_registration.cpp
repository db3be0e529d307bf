// SPDX-License-Identifier: Apache-2.0
// What the code that nvcc generates calls (crt/host_runtime.h). Registration runs before main().
#include "runtime/api.hpp"

using namespace bnas::emu;

extern "C" {

void** __cudaRegisterFatBinary(void* wrapper) {
  Runtime& rt = runtime();
  const Lock lock(rt.mutex);
  return reinterpret_cast<void**>(rt.registry.add_binary(wrapper));
}

void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}  // at exit, when all is over
char __cudaInitModule(void**) { return 1; }

void __cudaRegisterFunction(void** handle, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  Runtime& rt = runtime();
  const Lock lock(rt.mutex);
  rt.registry.add_kernel(reinterpret_cast<FatBinary*>(handle), host, name);
}

void __cudaRegisterVar(void** handle, char* host, char*, const char* name, int, std::size_t, int, int) {
  Runtime& rt = runtime();
  const Lock lock(rt.mutex);
  rt.registry.add_variable(reinterpret_cast<FatBinary*>(handle), host, name);
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream) {
  this_thread().launches.push_back({grid, block, shared, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared, void* stream) {
  auto& launches = this_thread().launches;
  if (launches.empty()) {
    return remember(cudaErrorMissingConfiguration);
  }
  *grid = launches.back().grid;
  *block = launches.back().block;
  *shared = launches.back().dynamic_shared;
  *static_cast<cudaStream_t*>(stream) = launches.back().stream;
  launches.pop_back();
  return cudaSuccess;
}

}  // extern "C"
