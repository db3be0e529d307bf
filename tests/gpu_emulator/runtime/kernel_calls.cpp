// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_calls.hpp"

#include <algorithm>
#include <cstdint>

namespace bnas::emu {
namespace {

std::uint64_t volume(dim3 d) { return std::uint64_t{d.x} * d.y * d.z; }

void require_shape(const Device& device, dim3 grid, dim3 block) {
  const auto at_most = [&](unsigned value, cudaDeviceAttr limit) {
    require(value <= static_cast<unsigned>(device.attribute(limit)), cudaErrorInvalidConfiguration);
  };
  require(volume(grid) > 0 && volume(block) > 0, cudaErrorInvalidConfiguration);
  require(volume(block) <= static_cast<std::uint64_t>(kMaxThreads), cudaErrorInvalidConfiguration);
  at_most(block.x, cudaDevAttrMaxBlockDimX);
  at_most(block.y, cudaDevAttrMaxBlockDimY);
  at_most(block.z, cudaDevAttrMaxBlockDimZ);
  at_most(grid.x, cudaDevAttrMaxGridDimX);
  at_most(grid.y, cudaDevAttrMaxGridDimY);
  at_most(grid.z, cudaDevAttrMaxGridDimZ);
}

}  // namespace

std::size_t dynamic_shared_limit(const KernelSymbol& kernel, const Device& device) {
  const std::size_t fixed = kernel.info(device).static_shared_bytes;
  return kernel.dynamic_shared_limit > 0 ? kernel.dynamic_shared_limit
                                         : kDefaultShared - std::min(kDefaultShared, fixed);
}

KernelCall make_call(Runtime& rt, const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared) {
  const Device& device = rt.current_device();
  const KernelSymbol& kernel = rt.registry.kernel(function);
  const KernelInfo& info = kernel.info(device);
  require_shape(device, grid, block);
  require(info.max_threads_per_block == 0 || volume(block) <= info.max_threads_per_block);
  require(shared <= dynamic_shared_limit(kernel, device));
  require(info.parameters.empty() || arguments != nullptr);
  KernelCall call;
  call.symbol = &kernel;
  call.grid = {grid.x, grid.y, grid.z};
  call.block = {block.x, block.y, block.z};
  call.dynamic_shared = shared;
  for (std::size_t i = 0; i < info.parameters.size(); ++i) {
    const auto* bytes = static_cast<const unsigned char*>(arguments[i]);
    call.parameters.emplace_back(bytes, bytes + info.parameters[i].bytes);
  }
  return call;
}

int resident_blocks(const KernelSymbol& kernel, const Device& device, int block_threads, std::size_t dynamic_shared) {
  require(block_threads > 0);
  const KernelInfo& info = kernel.info(device);
  const int threads = (block_threads + kWarpSize - 1) / kWarpSize * kWarpSize;
  if (threads > kMaxThreads || dynamic_shared > dynamic_shared_limit(kernel, device)) {
    return 0;
  }
  const std::size_t shared = info.static_shared_bytes + dynamic_shared +
                             static_cast<std::size_t>(device.attribute(cudaDevAttrReservedSharedMemoryPerBlock));
  const auto shared_total = static_cast<std::size_t>(device.attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor));
  int blocks = std::min(device.capability.blocks_per_processor, device.capability.threads_per_processor / threads);
  blocks = std::min(blocks, kRegistersPerProcessor / (kRegistersPerThread * threads));
  return shared == 0 ? blocks : std::min(blocks, static_cast<int>(shared_total / shared));
}

}  // namespace bnas::emu
