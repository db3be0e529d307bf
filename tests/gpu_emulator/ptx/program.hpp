// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ptx/types.hpp"

namespace bnas::emu {

class Block;
struct Instruction;

using LaneMask = u32;  ///< bit i stands for lane i of a warp
/// Executes an instruction for the lanes of the mask, which is never empty.
using Run = void (*)(Block&, const Instruction&, LaneMask);

/// How an instruction moves the lanes of a warp; everything but `straight` is handled by the warp scheduler.
enum class Control : u8 {
  straight,
  branch,        ///< to immediate
  branch_table,  ///< to targets[source 0]
  call,          ///< copies arguments, then to immediate
  results,       ///< after a call: copies its results
  ret,
  exit,
  warp_sync,  ///< waits until all lanes of `members` are here, then runs for them together
  barrier,
  trap,
};

enum class Space : u8 { generic, global, shared, local, parameter, constant, kernel_parameter };

/// An address of each lane: a register (offset into the register file, or -1 for none) plus a displacement.
struct Address {
  int base = -1;
  bool wide = true;  ///< the register has 64 bits
  Space space = Space::generic;
  s64 displacement = 0;
};

/// A copy between two places of a thread's local memory.
struct LocalCopy {
  int from = 0;
  int to = 0;
  int bytes = 0;
};

/// A decoded instruction. Registers are offsets into the register file of a warp, where a value of 32 lanes lies side
/// by side; the meaning of the small fields is each family's own.
struct Instruction {
  Run run = nullptr;
  Control control = Control::straight;
  bool guard_negated = false;
  int guard = -1;  ///< predicate, -1: always
  int to = -1;
  int to_second = -1;
  std::array<int, 4> from{-1, -1, -1, -1};
  u8 mode = 0;
  u8 rounding = 0;
  u8 count = 0;
  u8 bytes = 0;
  bool flag = false;
  s64 immediate = 0;
  Address address;
  std::array<int, 8> vector{};       ///< registers of a vector operand, -1: none
  std::array<u8, 8> vector_bytes{};  ///< their declared sizes
  int members = -1;                  ///< register with the member mask of a warp_sync
  int line = 0;                      ///< of the PTX text
  int location = -1;                 ///< index into Program::locations
  std::shared_ptr<const std::vector<int>> targets;
  std::shared_ptr<const std::vector<LocalCopy>> copies;
  std::shared_ptr<const std::function<void(Block&, const Instruction&, LaneMask)>> closure;
};

/// Set in a source predicate's offset when it is read negated.
inline constexpr int kNegatedPredicate = 0x40000000;

/// A register that the machine fills: before the block starts, or when read for the clocks.
struct SpecialRegister {
  std::string name;
  int at = 0;
  bool wide = false;
};

/// A place of the CUDA source, from a .loc directive; the file is a key of ModuleContents::files.
struct SourceLocation {
  int file = 0;
  int line = 0;
};

/// One kernel with everything that it calls, decoded.
struct Program {
  struct Constant {
    int at = 0;
    u64 value = 0;
    Slot slot = Slot::word;
  };

  std::string name;
  std::vector<Instruction> code;
  std::vector<Constant> constants;
  std::vector<SpecialRegister> specials;
  std::vector<SourceLocation> locations;
  int register_bytes = 0;
  int local_bytes = 0;
  std::size_t static_shared = 0;
  std::size_t dynamic_shared_at = 0;  ///< offset of `extern __shared__` arrays
  std::size_t parameter_bytes = 0;
};

}  // namespace bnas::emu
