// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "memory/device_memory.hpp"
#include "memory/findings.hpp"
#include "ptx/module.hpp"

namespace bnas::emu {

struct Dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

struct Launch {
  const Module* module = nullptr;
  std::string kernel;  ///< mangled name
  Dim3 grid;
  Dim3 block;
  std::size_t dynamic_shared = 0;
  std::vector<std::vector<unsigned char>> parameters;  ///< one per kernel parameter, each of exactly its size
  Dim3 cluster;
};

/// What a launch did, counted as a GPU counts it. A request is one memory instruction of one warp; a sector is a
/// 32-byte piece of global memory that a request touches.
struct Counters {
  std::uint64_t warp_instructions = 0;
  std::uint64_t global_read_bytes = 0;  ///< asked for by all lanes together
  std::uint64_t global_written_bytes = 0;
  std::uint64_t read_sectors = 0;
  std::uint64_t written_sectors = 0;
  std::uint64_t read_requests = 0;
  std::uint64_t written_requests = 0;
  std::uint64_t unique_read_bytes = 0;  ///< each address once: what a perfect cache would move
  std::uint64_t unique_written_bytes = 0;
  std::uint64_t shared_bank_conflicts = 0;  ///< passes beyond the first of each phase
  std::uint64_t atomics = 0;                ///< lanes that executed one, on global or shared memory
  std::uint64_t mma_instructions = 0;       ///< per warp
  std::uint64_t barriers = 0;               ///< times that a block passed one
  std::uint64_t local_bytes = 0;            ///< read or written in local memory: arrays and spills
  std::uint64_t dram_read_bytes = 0;        ///< with ExecOptions::l2_bytes: what that cache fetches from device memory
  std::uint64_t dram_written_bytes = 0;     ///< and what it writes back, to the last byte

  Counters& operator+=(const Counters& other);
};

/// A range of global memory that a launch accessed.
struct TouchedRange {
  std::uintptr_t address = 0;
  std::size_t bytes = 0;
  bool written = false;
};

/// Instructions of a kernel, by their place in the CUDA source.
using Profile = std::map<std::string, std::uint64_t>;

struct LaunchResult {
  enum class End {
    ok,
    fault,          ///< an access out of bounds, misaligned or after release; a finding says where
    trap,           ///< the kernel executed trap
    assert_failed,  ///< a device assertion
    timeout,        ///< over the instruction budget, or all threads wait for each other
    unsupported,    ///< an instruction or launch form that is not emulated, or a launch that a device refuses
  };
  End end = End::ok;
  std::string what;  ///< empty when ok
  Counters counters;
  std::vector<TouchedRange> touched;  ///< all that was read, and all that was written
  Profile profile;                    ///< warp instructions, where ExecOptions::profile asks for them
};

struct ExecOptions {
  unsigned threads = 2;          ///< host threads that execute blocks; level 2 and a second-level cache use one
  std::uint64_t warp_seed = 0;   ///< 0: warps in a fixed order, in long slices; else random orders and short slices
  std::uint64_t block_seed = 0;  ///< 0: blocks in ascending order; else shuffled (scans that look back need order)
  int check = 1;                 ///< 0: faults only; 1: also races in shared memory, uninitialized reads, barriers;
                                 ///< 2: also races in global memory (protocols with flags give false alarms)
  std::uint64_t instruction_budget = 2'000'000'000;  ///< warp instructions of one block
  bool late_async_copies = true;                     ///< cp.async data land only when waited for
  bool profile = false;
  std::size_t l2_bytes = 0;                     ///< of a second-level cache to count with; 0: none
  int compute_capability = 80;                  ///< major * 10 + minor
  std::function<void(std::string_view)> print;  ///< where device printf goes; stdout when empty
};

/// Executes one kernel launch to its end. Never throws for what the kernel does: see LaunchResult.
LaunchResult execute(const Launch& launch, DeviceMemory& memory, const ExecOptions& options);

}  // namespace bnas::emu
