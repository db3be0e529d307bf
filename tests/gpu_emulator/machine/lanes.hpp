// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "machine/block.hpp"
#include "machine/half.hpp"
#include "ptx/statement.hpp"

namespace bnas::emu {

// How instructions reach the values of their lanes. A register is a row of 32 slots; values of less than 4 bytes lie
// in the low part of a 4-byte slot, whose rest is zero.

template <class T>
using SlotOf = std::conditional_t<sizeof(T) == 8, u64, u32>;

template <class T>
T get(SlotOf<T> slot) {
  T value;
  std::memcpy(&value, &slot, sizeof(T));
  return value;
}

template <class T>
SlotOf<T> put(T value) {
  SlotOf<T> slot = 0;
  std::memcpy(&slot, &value, sizeof(T));
  return slot;
}

template <class F>
void for_lanes(LaneMask mask, F f) {
  for (; mask != 0; mask &= mask - 1) {
    f(static_cast<unsigned>(std::countr_zero(mask)));
  }
}

inline constexpr LaneMask kAllLanes = 0xffffffffU;

/// for_lanes where the whole warp is the common case: that loop is one that the compiler can vectorize. Rows are
/// either the same or disjoint, so that its iterations are independent.
template <class F>
void map_lanes(LaneMask mask, F f) {
  if (mask == kAllLanes) {
#pragma GCC ivdep
    for (unsigned lane = 0; lane < 32; ++lane) {
      f(lane);
    }
  } else {
    for_lanes(mask, f);
  }
}

template <class R, class A, class F>
void map1(Block& block, const Instruction& i, LaneMask mask, F f) {
  auto* to = block.row<SlotOf<R>>(i.to);
  const auto* a = block.row<SlotOf<A>>(i.from[0]);
  map_lanes(mask, [=](unsigned l) { to[l] = put<R>(f(get<A>(a[l]))); });
}

template <class T, class F>
void map2(Block& block, const Instruction& i, LaneMask mask, F f) {
  auto* to = block.row<SlotOf<T>>(i.to);
  const auto* a = block.row<SlotOf<T>>(i.from[0]);
  const auto* b = block.row<SlotOf<T>>(i.from[1]);
  map_lanes(mask, [=](unsigned l) { to[l] = put<T>(f(get<T>(a[l]), get<T>(b[l]))); });
}

template <class T, class F>
void map3(Block& block, const Instruction& i, LaneMask mask, F f) {
  auto* to = block.row<SlotOf<T>>(i.to);
  const auto* a = block.row<SlotOf<T>>(i.from[0]);
  const auto* b = block.row<SlotOf<T>>(i.from[1]);
  const auto* c = block.row<SlotOf<T>>(i.from[2]);
  map_lanes(mask, [=](unsigned l) { to[l] = put<T>(f(get<T>(a[l]), get<T>(b[l]), get<T>(c[l]))); });
}

/// Calls f with a value of the C++ type of an integer or bits type and returns what it returns; null for others.
template <class F>
Run by_integer(Type type, F f) {
  switch (type) {
    case Type::U16:
    case Type::B16:
      return f(u16{});
    case Type::S16:
      return f(s16{});
    case Type::U32:
    case Type::B32:
      return f(u32{});
    case Type::S32:
      return f(s32{});
    case Type::U64:
    case Type::B64:
      return f(u64{});
    case Type::S64:
      return f(s64{});
    default:
      return nullptr;
  }
}

template <class F>
Run by_float(Type type, F f) {
  switch (type) {
    case Type::F32:
      return f(float{});
    case Type::F64:
      return f(double{});
    case Type::F16:
      return f(Half{});
    case Type::BF16:
      return f(BFloat{});
    default:
      return nullptr;
  }
}

/// A function object without state as the Run of a binary or ternary instruction on T.
template <class T, class F>
Run binary(F) {
  return [](Block& block, const Instruction& i, LaneMask mask) { map2<T>(block, i, mask, F{}); };
}
template <class T, class F>
Run ternary(F) {
  return [](Block& block, const Instruction& i, LaneMask mask) { map3<T>(block, i, mask, F{}); };
}
template <class R, class A, class F>
Run unary(F) {
  return [](Block& block, const Instruction& i, LaneMask mask) { map1<R, A>(block, i, mask, F{}); };
}

/// Lets a closure execute the instruction, for rare instructions with much to remember.
template <class F>
void set_closure(Instruction& i, F f) {
  i.closure = std::make_shared<const std::function<void(Block&, const Instruction&, LaneMask)>>(std::move(f));
  i.run = [](Block& block, const Instruction& self, LaneMask mask) { (*self.closure)(block, self, mask); };
}

/// Reads or writes a slot of either width as 64 bits.
inline u64 read_slot(Block& block, int at, bool wide, unsigned lane) {
  return wide ? block.row<u64>(at)[lane] : block.row<u32>(at)[lane];
}
inline void write_slot(Block& block, int at, bool wide, unsigned lane, u64 value) {
  if (wide) {
    block.row<u64>(at)[lane] = value;
  } else {
    block.row<u32>(at)[lane] = static_cast<u32>(value);
  }
}

}  // namespace bnas::emu
