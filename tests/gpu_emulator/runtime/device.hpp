// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <driver_types.h>

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memory/device_memory.hpp"
#include "runtime/handles.hpp"

namespace bnas::emu {

/// What differs between compute capabilities (CUDA programming guide, table of technical specifications).
struct Capability {
  int major = 8;
  int minor = 0;
  int shared_per_processor = 0;    // KiB
  int shared_per_block_optin = 0;  // KiB
  int threads_per_processor = 0;
  int blocks_per_processor = 0;
  int value() const { return 10 * major + minor; }

  /// The largest known one <= `value`; its name stays `value`.
  static Capability of(int value);
};

/// One emulated device.
struct Device {
  /// A piece of memory that the program got and did not give back.
  struct Block {
    std::size_t bytes = 0;
    cudaMemPool_t pool = nullptr;  // null: cudaMalloc
    bool freeing = false;          // its free is enqueued
  };

  Device(int ordinal, int physical, Findings& findings);

  int ordinal;   // among the visible
  int physical;  // among all
  Capability capability;
  DeviceMemory memory;
  std::map<void*, Block> blocks;
  std::size_t malloc_bytes = 0;
  std::vector<std::unique_ptr<CUmemPoolHandle_st>> pools;  // the first is the default pool
  cudaMemPool_t current_pool = nullptr;
  CUstream_st legacy;
  std::vector<OperationPtr> orphans;  // last operations of destroyed streams

  std::size_t reserved() const;  // by all pools
  std::size_t free_bytes() const;

  std::string name() const;
  cudaUUID_t uuid() const;
  cudaDeviceProp properties() const;
  int attribute(cudaDeviceAttr which) const;  // throws ApiError
};

constexpr int kWarpSize = 32;
constexpr int kMaxThreads = 1024;
constexpr int kProcessors = 4;  // few, so that launchers of persistent kernels meet several rounds
constexpr int kRegistersPerProcessor = 65536;
constexpr int kRegistersPerThread = 32;  // assumed: PTX has virtual registers only
constexpr std::size_t kDefaultShared = 48 << 10;
constexpr std::size_t kReservedShared = 1 << 10;  // per block, by the system, from 8.0 on

}  // namespace bnas::emu
