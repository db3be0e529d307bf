// SPDX-License-Identifier: Apache-2.0
// Integer instructions against the host's arithmetic in wider types.
#include <algorithm>
#include <limits>

#include "ptx/types.hpp"
#include "tests/core/instruction_case.hpp"

namespace bnas::emu::test {
namespace {

s64 signed_sum_bounded(s64 sum) { return std::clamp<s64>(sum, INT32_MIN, INT32_MAX); }

/// Cases of one operation on a C++ type: f maps operands of that type to a value of which the low bits count.
template <class T, class F>
InstructionCase typed(const std::string& text, F f) {
  return {text, [f](Bits a, Bits b, Bits c) {
            return static_cast<Bits>(
                static_cast<std::make_unsigned_t<T>>(f(static_cast<T>(a), static_cast<T>(b), static_cast<T>(c))));
          }};
}

TEST(IntegerInstructions, SumsAndProducts) {
  expect_instructions(
      {
          typed<u16>("add.u16 %d16, %a16, %b16;", [](u32 a, u32 b, u32) { return a + b; }),
          typed<u32>("add.u32 %d32, %a32, %b32;", [](u32 a, u32 b, u32) { return a + b; }),
          typed<u64>("add.s64 %d64, %a64, %b64;", [](u64 a, u64 b, u64) { return a + b; }),
          typed<u16>("sub.s16 %d16, %a16, %b16;", [](u32 a, u32 b, u32) { return a - b; }),
          typed<u32>("sub.s32 %d32, %a32, %b32;", [](u32 a, u32 b, u32) { return a - b; }),
          typed<u64>("sub.u64 %d64, %a64, %b64;", [](u64 a, u64 b, u64) { return a - b; }),
          typed<u32>("add.s32 %d32, %a32, -7;", [](u32 a, u32, u32) { return a - 7; }),
          typed<s32>("add.sat.s32 %d32, %a32, %b32;", [](s64 a, s64 b, s64) { return signed_sum_bounded(a + b); }),
          typed<s32>("sub.sat.s32 %d32, %a32, %b32;", [](s64 a, s64 b, s64) { return signed_sum_bounded(a - b); }),
          typed<u16>("mul.lo.u16 %d16, %a16, %b16;", [](u32 a, u32 b, u32) { return a * b; }),
          typed<u32>("mul.lo.s32 %d32, %a32, %b32;", [](u32 a, u32 b, u32) { return a * b; }),
          typed<u64>("mul.lo.u64 %d64, %a64, %b64;", [](u64 a, u64 b, u64) { return a * b; }),
          typed<u32>("mul.hi.u32 %d32, %a32, %b32;", [](u64 a, u64 b, u64) { return a * b >> 32; }),
          typed<s32>("mul.hi.s32 %d32, %a32, %b32;", [](s64 a, s64 b, s64) { return a * b >> 32; }),
          typed<s16>("mul.hi.s16 %d16, %a16, %b16;", [](s32 a, s32 b, s32) { return a * b >> 16; }),
          typed<u64>("mul.hi.u64 %d64, %a64, %b64;", [](u128 a, u128 b, u128) { return a * b >> 64; }),
          typed<s64>("mul.hi.s64 %d64, %a64, %b64;", [](s128 a, s128 b, s128) { return a * b >> 64; }),
          typed<u32>("mad.lo.u32 %d32, %a32, %b32, %c32;", [](u32 a, u32 b, u32 c) { return a * b + c; }),
          typed<u64>("mad.lo.s64 %d64, %a64, %b64, %c64;", [](u64 a, u64 b, u64 c) { return a * b + c; }),
          typed<u32>("mad.hi.u32 %d32, %a32, %b32, %c32;", [](u64 a, u64 b, u64 c) { return (a * b >> 32) + c; }),
          {"mul.wide.u32 %d64, %a32, %b32;", [](Bits a, Bits b, Bits) { return Bits{u32(a)} * u32(b); }},
          {"mul.wide.s32 %d64, %a32, %b32;",
           [](Bits a, Bits b, Bits) { return static_cast<Bits>(s64{s32(a)} * s32(b)); }},
          {"mul.wide.u16 %d32, %a16, %b16;", [](Bits a, Bits b, Bits) { return Bits{u32{u16(a)} * u16(b)}; }},
          {"mul.wide.s16 %d32, %a16, %b16;", [](Bits a, Bits b, Bits) { return Bits{u32(s16(a) * s16(b))}; }},
          {"mad.wide.u32 %d64, %a32, %b32, %c64;", [](Bits a, Bits b, Bits c) { return Bits{u32(a)} * u32(b) + c; }},
          {"mad.wide.s16 %d32, %a16, %b16, %c32;",
           [](Bits a, Bits b, Bits c) { return Bits{u32(s16(a) * s16(b)) + u32(c)}; }},
      },
      integer_triples());
}

TEST(IntegerInstructions, Quotients) {
  // Division by zero and the overflow of the least number by -1 are the hardware's own.
  const auto divide = [](auto a, auto b) {
    using T = decltype(a);
    return b == 0 ? static_cast<T>(-1)
           : b == static_cast<T>(-1) && std::is_signed_v<T>
               ? static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(a))
               : static_cast<T>(a / b);
  };
  const auto remainder = [](auto a, auto b) {
    using T = decltype(a);
    return b == 0 ? a : b == static_cast<T>(-1) && std::is_signed_v<T> ? T{0} : static_cast<T>(a % b);
  };
  expect_instructions(
      {
          typed<u32>("div.u32 %d32, %a32, %b32;", [&](u32 a, u32 b, u32) { return divide(a, b); }),
          typed<s32>("div.s32 %d32, %a32, %b32;", [&](s32 a, s32 b, s32) { return divide(a, b); }),
          typed<u64>("div.u64 %d64, %a64, %b64;", [&](u64 a, u64 b, u64) { return divide(a, b); }),
          typed<s64>("div.s64 %d64, %a64, %b64;", [&](s64 a, s64 b, s64) { return divide(a, b); }),
          typed<s16>("div.s16 %d16, %a16, %b16;", [&](s16 a, s16 b, s16) { return divide(a, b); }),
          typed<u32>("rem.u32 %d32, %a32, %b32;", [&](u32 a, u32 b, u32) { return remainder(a, b); }),
          typed<s32>("rem.s32 %d32, %a32, %b32;", [&](s32 a, s32 b, s32) { return remainder(a, b); }),
          typed<s64>("rem.s64 %d64, %a64, %b64;", [&](s64 a, s64 b, s64) { return remainder(a, b); }),
      },
      integer_triples());
}

TEST(IntegerInstructions, OrderAndSign) {
  const auto distance = [](auto a, auto b, auto c) {
    return static_cast<u64>(c) +
           (a < b ? static_cast<u64>(b) - static_cast<u64>(a) : static_cast<u64>(a) - static_cast<u64>(b));
  };
  expect_instructions(
      {
          typed<u32>("min.u32 %d32, %a32, %b32;", [](u32 a, u32 b, u32) { return std::min(a, b); }),
          typed<s32>("min.s32 %d32, %a32, %b32;", [](s32 a, s32 b, s32) { return std::min(a, b); }),
          typed<s64>("max.s64 %d64, %a64, %b64;", [](s64 a, s64 b, s64) { return std::max(a, b); }),
          typed<u16>("max.u16 %d16, %a16, %b16;", [](u16 a, u16 b, u16) { return std::max(a, b); }),
          typed<u32>("neg.s32 %d32, %a32;", [](u32 a, u32, u32) { return 0 - a; }),
          typed<u64>("neg.s64 %d64, %a64;", [](u64 a, u64, u64) { return 0 - a; }),
          typed<u32>("abs.s32 %d32, %a32;", [](u32 a, u32, u32) { return s32(a) < 0 ? 0 - a : a; }),
          typed<u64>("abs.s64 %d64, %a64;", [](u64 a, u64, u64) { return s64(a) < 0 ? 0 - a : a; }),
          typed<u32>("sad.s32 %d32, %a32, %b32, %c32;",
                     [&](u32 a, u32 b, u32 c) { return distance(s64{s32(a)}, s64{s32(b)}, u64{c}); }),
          typed<u32>("sad.u32 %d32, %a32, %b32, %c32;",
                     [&](u32 a, u32 b, u32 c) { return distance(u64{a}, u64{b}, u64{c}); }),
          {"min.s16x2 %d32, %a32, %b32;",
           [](Bits a, Bits b, Bits) {
             return Bits{u32{u16(std::min(s16(a), s16(b)))} | u32{u16(std::min(s16(a >> 16), s16(b >> 16)))} << 16};
           }},
          {"add.u16x2 %d32, %a32, %b32;",
           [](Bits a, Bits b, Bits) {
             return Bits{u32{u16(a + b)} | u32{u16((u32(a) >> 16) + (u32(b) >> 16))} << 16};
           }},
      },
      integer_triples());
}

TEST(IntegerInstructions, ChainsOfCarries) {
  expect_instructions(
      {
          // 64-bit sums and differences from 32-bit halves.
          {"{ .reg .b32 %h, %g, %l; shr.u64 %t64, %a64, 32; cvt.u32.u64 %h, %t64; shr.u64 %t64, %b64, 32;"
           " cvt.u32.u64 %g, %t64; add.cc.u32 %l, %a32, %b32; addc.u32 %h, %h, %g; mov.b64 %d64, {%l, %h}; }",
           [](Bits a, Bits b, Bits) { return a + b; }},
          {"{ .reg .b32 %h, %g, %l; shr.u64 %t64, %a64, 32; cvt.u32.u64 %h, %t64; shr.u64 %t64, %b64, 32;"
           " cvt.u32.u64 %g, %t64; sub.cc.u32 %l, %a32, %b32; subc.u32 %h, %h, %g; mov.b64 %d64, {%l, %h}; }",
           [](Bits a, Bits b, Bits) { return a - b; }},
          // The high word of a 128-bit sum, and of a 64-bit product plus a number.
          {"{ .reg .b64 %l; add.cc.u64 %l, %a64, %b64; addc.u64 %d64, %c64, 0; }",
           [](Bits a, Bits b, Bits c) { return static_cast<u64>((static_cast<u128>(a) + b) >> 64) + c; }},
          {"{ mad.lo.cc.u32 %t32, %a32, %b32, %c32; madc.hi.u32 %d32, %a32, %b32, 0; }",
           [](Bits a, Bits b, Bits c) { return (Bits{u32(a)} * u32(b) + u32(c)) >> 32; }},
          {"{ mad.lo.cc.u64 %t64, %a64, %b64, %c64; madc.hi.u64 %d64, %a64, %b64, 0; }",
           [](Bits a, Bits b, Bits c) { return static_cast<u64>((static_cast<u128>(a) * b + c) >> 64); }},
          // Carries go through steps that take and give them.
          {"{ add.cc.u32 %t32, %a32, %b32; addc.cc.u32 %t32, %c32, -1; addc.u32 %d32, 0, 0; }",
           [](Bits a, Bits b, Bits c) {
             const Bits first = Bits{u32(a)} + u32(b);
             return (Bits{u32(c)} + 0xffffffffU + (first >> 32)) >> 32;
           }},
      },
      integer_triples());
}

TEST(IntegerInstructions, ProductsOfParts) {
  const auto dot = [](auto a, auto b, Bits c) {
    u32 sum = static_cast<u32>(c);
    for (std::size_t k = 0; k < a.size(); ++k) {
      sum += static_cast<u32>(s32{a[k]} * s32{b[k]});
    }
    return Bits{sum};
  };
  const auto bytes = [](auto zero, Bits word) {
    using T = decltype(zero);
    return std::array<T, 4>{static_cast<T>(word), static_cast<T>(word >> 8), static_cast<T>(word >> 16),
                            static_cast<T>(word >> 24)};
  };
  expect_instructions(
      {
          {"dp4a.s32.s32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return dot(bytes(s8{}, a), bytes(s8{}, b), c); }},
          {"dp4a.u32.u32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return dot(bytes(u8{}, a), bytes(u8{}, b), c); }},
          {"dp4a.s32.u32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return dot(bytes(s8{}, a), bytes(u8{}, b), c); }},
          {"dp2a.lo.s32.s32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) {
             return dot(std::array<s16, 2>{s16(a), s16(a >> 16)}, std::array<s8, 2>{s8(b), s8(b >> 8)}, c);
           }},
          {"dp2a.hi.u32.u32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) {
             return dot(std::array<u16, 2>{u16(a), u16(a >> 16)}, std::array<u8, 2>{u8(b >> 16), u8(b >> 24)}, c);
           }},
          {"mul24.lo.u32 %d32, %a32, %b32;",
           [](Bits a, Bits b, Bits) { return Bits{u32((a & 0xffffff) * (b & 0xffffff))}; }},
          {"mad24.lo.s32 %d32, %a32, %b32, %c32;",
           [](Bits a, Bits b, Bits c) {
             const auto low = [](Bits x) { return s64{s32(u32(x) << 8) >> 8}; };
             return Bits{u32(static_cast<u64>(low(a) * low(b)) + c)};
           }},
      },
      integer_triples());
}

}  // namespace
}  // namespace bnas::emu::test
