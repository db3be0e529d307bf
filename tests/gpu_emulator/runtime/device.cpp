// SPDX-License-Identifier: Apache-2.0
#include "runtime/device.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "runtime/errors.hpp"
#include "runtime/options.hpp"

namespace bnas::emu {
namespace {

// PCI bus of physical device 0; the others follow.
constexpr int kFirstBus = 0x17;

}  // namespace

Capability Capability::of(int value) {
  static const std::vector<Capability> known = {
      {7, 5, 64, 64, 1024, 16},   {8, 0, 164, 163, 2048, 32},  {8, 6, 100, 99, 1536, 16},  {8, 9, 100, 99, 1536, 24},
      {9, 0, 228, 227, 2048, 32}, {10, 0, 228, 227, 2048, 32}, {12, 0, 100, 99, 1536, 24},
  };
  Capability best = known.front();
  for (const Capability& capability : known) {
    best = capability.value() <= value ? capability : best;
  }
  best.major = value / 10;
  best.minor = value % 10;
  return best;
}

Device::Device(int visible_ordinal, int physical_ordinal, Findings& findings)
    : ordinal(visible_ordinal),
      physical(physical_ordinal),
      capability(Capability::of(options().capability)),
      // Books are kept here, in `blocks` and pools: what a pool holds back is not free.
      memory(std::numeric_limits<std::size_t>::max(), findings) {
  pools.push_back(std::make_unique<CUmemPoolHandle_st>());
  pools.front()->device = this;
  current_pool = pools.front().get();
  legacy.kind = CUstream_st::Kind::legacy;
  legacy.device = this;
}

std::size_t Device::reserved() const {
  return std::accumulate(pools.begin(), pools.end(), std::size_t{0},
                         [](std::size_t sum, const auto& pool) { return sum + pool->reserved; });
}

std::size_t Device::free_bytes() const {
  const std::size_t taken = malloc_bytes + reserved();
  return options().memory > taken ? options().memory - taken : 0;
}

std::string Device::name() const {
  return "bnas emulated device " + std::to_string(capability.major) + "." + std::to_string(capability.minor);
}

cudaUUID_t Device::uuid() const {
  cudaUUID_t id{};
  std::memcpy(id.bytes, "bnas-emulated-0", 15);
  id.bytes[15] = static_cast<char>(physical);
  return id;
}

cudaDeviceProp Device::properties() const {
  cudaDeviceProp p{};
  std::strncpy(p.name, name().c_str(), sizeof p.name - 1);
  p.uuid = uuid();
  p.totalGlobalMem = options().memory;
  p.totalConstMem = 64 << 10;
  p.pciBusID = kFirstBus + physical;
  const auto get = [this](cudaDeviceAttr which) { return attribute(which); };
  p.sharedMemPerBlock = static_cast<std::size_t>(get(cudaDevAttrMaxSharedMemoryPerBlock));
  p.sharedMemPerBlockOptin = static_cast<std::size_t>(get(cudaDevAttrMaxSharedMemoryPerBlockOptin));
  p.sharedMemPerMultiprocessor = static_cast<std::size_t>(get(cudaDevAttrMaxSharedMemoryPerMultiprocessor));
  p.reservedSharedMemPerBlock = static_cast<std::size_t>(get(cudaDevAttrReservedSharedMemoryPerBlock));
  p.regsPerBlock = get(cudaDevAttrMaxRegistersPerBlock);
  p.regsPerMultiprocessor = get(cudaDevAttrMaxRegistersPerMultiprocessor);
  p.warpSize = get(cudaDevAttrWarpSize);
  p.memPitch = static_cast<std::size_t>(get(cudaDevAttrMaxPitch));
  p.maxThreadsPerBlock = get(cudaDevAttrMaxThreadsPerBlock);
  const cudaDeviceAttr block[] = {cudaDevAttrMaxBlockDimX, cudaDevAttrMaxBlockDimY, cudaDevAttrMaxBlockDimZ};
  const cudaDeviceAttr grid[] = {cudaDevAttrMaxGridDimX, cudaDevAttrMaxGridDimY, cudaDevAttrMaxGridDimZ};
  std::transform(std::begin(block), std::end(block), p.maxThreadsDim, get);
  std::transform(std::begin(grid), std::end(grid), p.maxGridSize, get);
  p.major = capability.major;
  p.minor = capability.minor;
  p.multiProcessorCount = get(cudaDevAttrMultiProcessorCount);
  p.maxThreadsPerMultiProcessor = get(cudaDevAttrMaxThreadsPerMultiProcessor);
  p.maxBlocksPerMultiProcessor = get(cudaDevAttrMaxBlocksPerMultiprocessor);
  p.l2CacheSize = get(cudaDevAttrL2CacheSize);
  p.memoryBusWidth = get(cudaDevAttrGlobalMemoryBusWidth);
  p.asyncEngineCount = get(cudaDevAttrAsyncEngineCount);
  p.concurrentKernels = get(cudaDevAttrConcurrentKernels);
  p.unifiedAddressing = get(cudaDevAttrUnifiedAddressing);
  p.streamPrioritiesSupported = get(cudaDevAttrStreamPrioritiesSupported);
  p.memoryPoolsSupported = get(cudaDevAttrMemoryPoolsSupported);
  p.canMapHostMemory = get(cudaDevAttrCanMapHostMemory);
  p.ECCEnabled = get(cudaDevAttrEccEnabled);
  p.textureAlignment = static_cast<std::size_t>(get(cudaDevAttrTextureAlignment));
  p.globalL1CacheSupported = p.localL1CacheSupported = 1;
  return p;
}

int Device::attribute(cudaDeviceAttr which) const {
  switch (which) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      return kMaxThreads;
    case cudaDevAttrMaxBlockDimZ:
      return 64;
    case cudaDevAttrMaxGridDimX:
    case cudaDevAttrMaxPitch:
      return std::numeric_limits<int>::max();
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return 65535;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return static_cast<int>(kDefaultShared);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return capability.shared_per_block_optin << 10;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return capability.shared_per_processor << 10;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      return capability.major >= 8 ? static_cast<int>(kReservedShared) : 0;
    case cudaDevAttrTotalConstantMemory:
      return 64 << 10;
    case cudaDevAttrWarpSize:
      return kWarpSize;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      return kRegistersPerProcessor;
    case cudaDevAttrClockRate:
    case cudaDevAttrMemoryClockRate:
      return 1000000;  // kHz
    case cudaDevAttrMultiProcessorCount:
      return kProcessors;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return capability.threads_per_processor;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      return capability.blocks_per_processor;
    case cudaDevAttrComputeCapabilityMajor:
      return capability.major;
    case cudaDevAttrComputeCapabilityMinor:
      return capability.minor;
    case cudaDevAttrL2CacheSize:
      return 4 << 20;
    case cudaDevAttrGlobalMemoryBusWidth:
      return 256;  // bits
    case cudaDevAttrTextureAlignment:
      return 512;
    case cudaDevAttrAsyncEngineCount:
      return 2;
    case cudaDevAttrPciBusId:
      return kFirstBus + physical;
    case cudaDevAttrGpuOverlap:
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrStreamPrioritiesSupported:
    case cudaDevAttrGlobalL1CacheSupported:
    case cudaDevAttrLocalL1CacheSupported:
    case cudaDevAttrMemoryPoolsSupported:
      return 1;
    case cudaDevAttrPciDeviceId:
    case cudaDevAttrPciDomainId:
    case cudaDevAttrKernelExecTimeout:
    case cudaDevAttrIntegrated:
    case cudaDevAttrComputeMode:
    case cudaDevAttrEccEnabled:
    case cudaDevAttrTccDriver:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrIsMultiGpuBoard:
    case cudaDevAttrPageableMemoryAccess:
    case cudaDevAttrConcurrentManagedAccess:
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrHostNativeAtomicSupported:
    case cudaDevAttrHostRegisterSupported:
    case cudaDevAttrClusterLaunch:
    case cudaDevAttrMaxPersistingL2CacheSize:
    case cudaDevAttrIpcEventSupport:
    case cudaDevAttrMemoryPoolSupportedHandleTypes:
      return 0;
    default:
      throw ApiError(cudaErrorInvalidValue,
                     "device attribute " + std::to_string(static_cast<int>(which)) + " is not emulated");
  }
}

}  // namespace bnas::emu
