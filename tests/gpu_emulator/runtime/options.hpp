// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bnas::emu {

/// What BNAS_EMU_<NAME> sets; read once, when the library is loaded.
struct Options {
  int check = 1;                              // CHECK: 0 off, 1 checkers, 2 also races between blocks
  std::uint64_t seed = 0;                     // SEED: order of warps and of enqueued operations; 0 = as enqueued
  std::uint64_t block_seed = 0;               // BLOCK_SEED: order of blocks; 0 = ascending
  int threads = 2;                            // THREADS: host threads that execute the blocks of a kernel
  std::size_t l2 = 0;                         // L2: bytes of a cache to count traffic with; 0 = none
  int devices = 1;                            // DEVICES
  std::size_t memory = std::size_t{2} << 30;  // MEMORY: bytes per device; suffixes K, M, G
  int capability = 80;                        // CC: "8.0"
  bool leaks = false;                         // LEAKS: memory still allocated at exit is a finding
  std::string report;                         // REPORT: JSON lines are appended to this file at exit
  std::string profile;                        // PROFILE: instructions by source line are appended to this file at exit
  std::string fault;                          // FAULT: what to inject (faults.hpp)
  std::string note;                           // NOTE: annotation of threads that set none
};

/// The options of this process; read from the environment at first use.
Options& options();

/// Sets one option by its name ("seed"); false when there is no such name or the value is no number.
/// `devices`, `memory` and `cc` take effect only before the first call that needs a device.
bool set_option(std::string_view name, std::string_view value);

}  // namespace bnas::emu
