// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/api.hpp"
#include "runtime/kernel_calls.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

namespace {

void enqueue_call(Runtime& rt, Lock& lock, cudaStream_t stream, KernelCall call) {
  CUstream_st& found = find_stream(rt, stream);
  require(found.device == &rt.current_device(), cudaErrorInvalidResourceHandle);
  enqueue(rt, lock, found, std::move(call));
}

cudaError_t launch(const char* name, const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared,
                   cudaStream_t stream) {
  return api(name, [&](Runtime& rt, Lock& lock) {
    enqueue_call(rt, lock, stream, make_call(rt, function, grid, block, arguments, shared));
  });
}

// Only what changes results; hints (priorities, overlap with the next kernel) do not.
void apply(KernelCall& call, const cudaLaunchAttribute& attribute) {
  if (attribute.id == cudaLaunchAttributeClusterDimension) {
    const auto& cluster = attribute.val.clusterDim;
    call.cluster = {cluster.x, cluster.y, cluster.z};
  } else if (attribute.id == cudaLaunchAttributeCooperative && attribute.val.cooperative != 0) {
    throw ApiError(cudaErrorNotSupported, "cooperative launches are not emulated");
  }
}

}  // namespace

extern "C" {

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared,
                             cudaStream_t stream) {
  return launch(__func__, function, grid, block, arguments, shared, stream);
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, std::size_t shared,
                               cudaStream_t stream) {
  return launch("cudaLaunchKernel", kernel, grid, block, arguments, shared, stream);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function, void** arguments) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(config != nullptr);
    KernelCall call = make_call(rt, function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes);
    std::for_each(config->attrs, config->attrs + config->numAttrs,
                  [&](const cudaLaunchAttribute& attribute) { apply(call, attribute); });
    enqueue_call(rt, lock, config->stream, std::move(call));
  });
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  return api("cudaGetKernel",
             [&](Runtime& rt, Lock&) { *kernel = reinterpret_cast<cudaKernel_t>(&rt.registry.kernel(function)); });
}

cudaError_t cudaGetKernel(cudaKernel_t* kernel, const void* function) { return __cudaGetKernel(kernel, function); }

cudaError_t cudaGetFuncBySymbol(cudaFunction_t* handle, const void* function) {
  return api(__func__,
             [&](Runtime& rt, Lock&) { *handle = reinterpret_cast<cudaFunction_t>(&rt.registry.kernel(function)); });
}

cudaError_t cudaFuncGetName(const char** name, const void* function) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(name != nullptr);
    *name = rt.registry.kernel(function).mangled.c_str();
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(attributes != nullptr);
    const Device& device = rt.current_device();
    const KernelSymbol& kernel = rt.registry.kernel(function);
    const KernelInfo& info = kernel.info(device);
    *attributes = {};
    attributes->sharedSizeBytes = info.static_shared_bytes;
    attributes->localSizeBytes = info.local_bytes;
    attributes->maxThreadsPerBlock =
        info.max_threads_per_block == 0 ? kMaxThreads : static_cast<int>(info.max_threads_per_block);
    attributes->numRegs = kRegistersPerThread;
    attributes->ptxVersion = kernel.binary->load(device).capability;
    attributes->binaryVersion = device.capability.value();
    attributes->maxDynamicSharedSizeBytes = static_cast<int>(dynamic_shared_limit(kernel, device));
    attributes->preferredShmemCarveout = -1;
  });
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    const Device& device = rt.current_device();
    KernelSymbol& kernel = rt.registry.kernel(function);
    if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
      const auto fixed = static_cast<int>(kernel.info(device).static_shared_bytes);
      require(value >= 0 && fixed + value <= device.attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
      kernel.dynamic_shared_limit = static_cast<std::size_t>(value);
    } else {
      require(attribute == cudaFuncAttributePreferredSharedMemoryCarveout);
    }
  });
}

cudaError_t cudaFuncSetCacheConfig(const void* function, cudaFuncCache) {
  return api(__func__, [&](Runtime& rt, Lock&) { rt.registry.kernel(function); });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* function, int block_threads,
                                                                   std::size_t shared, unsigned) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(blocks != nullptr);
    *blocks = resident_blocks(rt.registry.kernel(function), rt.current_device(), block_threads, shared);
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function, int block_threads,
                                                          std::size_t shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, block_threads, shared,
                                                                cudaOccupancyDefault);
}

cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(std::size_t* bytes, const void* function, int blocks,
                                                      int block_threads) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(bytes != nullptr && blocks > 0);
    const Device& device = rt.current_device();
    const KernelSymbol& kernel = rt.registry.kernel(function);
    std::size_t low = 0;
    std::size_t high = dynamic_shared_limit(kernel, device);
    while (low < high) {  // the largest that lets so many blocks be resident
      const std::size_t middle = (low + high + 1) / 2;
      const bool fits = resident_blocks(kernel, device, block_threads, middle) >= blocks;
      (fits ? low : high) = fits ? middle : middle - 1;
    }
    *bytes = low;
  });
}

}  // extern "C"
