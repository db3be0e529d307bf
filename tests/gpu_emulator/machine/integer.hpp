// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "ptx/statement.hpp"

namespace bnas::emu {

template <class T>
struct DoubledOf;
template <>
struct DoubledOf<u16> {
  using Wide = u32;
};
template <>
struct DoubledOf<s16> {
  using Wide = s32;
};
template <>
struct DoubledOf<u32> {
  using Wide = u64;
};
template <>
struct DoubledOf<s32> {
  using Wide = s64;
};
template <>
struct DoubledOf<u64> {
  using Wide = u128;
};
template <>
struct DoubledOf<s64> {
  using Wide = s128;
};
/// The integer of the same sign with twice the bits.
template <class T>
using Doubled = typename DoubledOf<T>::Wide;

/// mul.wide and mad.wide.
void bind_wide_multiply(const Statement& s, Instruction& i);
/// add, sub, mad and their successors in chains of carries.
void bind_carry(const Statement& s, Instruction& i);

}  // namespace bnas::emu
