// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "ptx/program.hpp"

namespace bnas::emu {

/// Counts what the addresses of one warp's request cost.
class AccessCounter {
 public:
  /// Distinct 32-byte sectors of global memory, by address / 32; every lane's operand lies within one. Returns how many
  /// `list` then holds.
  static unsigned sectors(const std::array<u64, 32>& addresses, LaneMask mask, std::array<u64, 32>& list);

  /// Passes beyond the first of each phase through the 32 banks of 4 bytes. Lanes that use the same word share it.
  /// Requests of 8 bytes per lane take two phases (half warps), of 16 bytes four.
  unsigned bank_conflicts(const std::array<u64, 32>& offsets, LaneMask mask, int bytes);

 private:
  unsigned phase(const std::array<u64, 32>& offsets, LaneMask mask, int words);

  std::array<u64, 32> word_of_bank_{};
};

}  // namespace bnas::emu
