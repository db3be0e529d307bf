// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace bnas::emu {

// Integers as PTX names them.
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
__extension__ using u128 = unsigned __int128;
__extension__ using s128 = __int128;

/// Types of PTX operands, in capitals since the C++ types have their names. B1 stands in mma instructions only.
enum class Type : u8 {
  NONE,
  PRED,
  B1,
  B8,
  U8,
  S8,
  B16,
  U16,
  S16,
  F16,
  BF16,
  U16X2,
  S16X2,
  B32,
  U32,
  S32,
  F32,
  TF32,
  F16X2,
  BF16X2,
  B64,
  U64,
  S64,
  F64,
  B128,
};

/// Type::NONE where `name` (without its dot) is not a type.
Type type_named(std::string_view name);
int size_of(Type type);  ///< in bytes; predicates and bits have 0
bool is_signed(Type type);
bool is_float(Type type);  ///< f16, bf16, f32, f64 and the packed pairs

/// How the register file keeps a value of one lane: predicates as one bit, the rest in 4 or 8 bytes (128-bit: 16).
enum class Slot : u8 { predicate = 1, word = 4, wide = 8, quad = 16 };
Slot slot_of(Type type);

}  // namespace bnas::emu
