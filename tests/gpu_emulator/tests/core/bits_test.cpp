// SPDX-License-Identifier: Apache-2.0
// Bit instructions against loops over single bits.
#include <algorithm>

#include "ptx/types.hpp"
#include "tests/core/instruction_case.hpp"

namespace bnas::emu::test {
namespace {

bool bit(Bits x, int i) { return (x >> i & 1) != 0; }

/// A number from a function of the position of each of its bits.
template <class F>
Bits from_bits(int width, F f) {
  Bits result = 0;
  for (int i = 0; i < width; ++i) {
    result |= Bits{f(i)} << i;
  }
  return result;
}

int highest(Bits x, int width) {
  for (int i = width - 1; i >= 0; --i) {
    if (bit(x, i)) {
      return i;
    }
  }
  return -1;
}

TEST(BitInstructions, Logic) {
  std::vector<InstructionCase> cases = {
      {"and.b32 %d32, %a32, %b32;",
       [](Bits a, Bits b, Bits) { return from_bits(32, [&](int i) { return bit(a, i) && bit(b, i); }); }},
      {"or.b64 %d64, %a64, %b64;",
       [](Bits a, Bits b, Bits) { return from_bits(64, [&](int i) { return bit(a, i) || bit(b, i); }); }},
      {"xor.b16 %d16, %a16, %b16;",
       [](Bits a, Bits b, Bits) { return from_bits(16, [&](int i) { return bit(a, i) != bit(b, i); }); }},
      {"not.b64 %d64, %a64;", [](Bits a, Bits, Bits) { return from_bits(64, [&](int i) { return !bit(a, i); }); }},
      {"not.b16 %d16, %a16;", [](Bits a, Bits, Bits) { return from_bits(16, [&](int i) { return !bit(a, i); }); }},
      {"cnot.b32 %d32, %a32;", [](Bits a, Bits, Bits) { return Bits{u32(a) == 0}; }},
      {"{ .reg .pred %r; and.pred %r, %p, !%q; selp.u32 %d32, 1, 0, %r; }",
       [](Bits a, Bits b, Bits) { return Bits{bit(a, 0) && !bit(b, 0)}; }},
      {"{ .reg .pred %r; xor.pred %r, %p, %q; not.pred %r, %r; selp.u32 %d32, 1, 0, %r; }",
       [](Bits a, Bits b, Bits) { return Bits{bit(a, 0) == bit(b, 0)}; }},
  };
  for (int table = 0; table < 256; table += table % 3 + 5) {  // a third of them, odd and even
    cases.push_back(
        {"lop3.b32 %d32, %a32, %b32, %c32, " + std::to_string(table) + ";", [table](Bits a, Bits b, Bits c) {
           return from_bits(
               32, [&](int i) { return bit(static_cast<Bits>(table), bit(a, i) * 4 + bit(b, i) * 2 + bit(c, i)); });
         }});
  }
  for (const int table : {0x96, 0x28, 0xc0, 0x80, 0xfe}) {
    cases.push_back(
        {"lop3.b32 %d32, %a32, %b32, %c32, " + std::to_string(table) + ";", [table](Bits a, Bits b, Bits c) {
           return from_bits(
               32, [&](int i) { return bit(static_cast<Bits>(table), bit(a, i) * 4 + bit(b, i) * 2 + bit(c, i)); });
         }});
  }
  cases.push_back({"{ .reg .pred %r; lop3.or.b32 %t32|%r, %a32, %b32, %c32, 0x80, %q; selp.u32 %d32, 1, 0, %r; }",
                   [](Bits a, Bits b, Bits c) { return Bits{u32(a & b & c) != 0 || bit(b, 0)}; }});
  expect_instructions(cases, integer_triples());
}

TEST(BitInstructions, Shifts) {
  const auto amount = [](Bits b) { return static_cast<u32>(b); };
  expect_instructions(
      {
          {"shl.b32 %d32, %a32, %b32;",
           [&](Bits a, Bits b, Bits) { return amount(b) > 31 ? 0 : Bits{u32(u32(a) << amount(b))}; }},
          {"shl.b64 %d64, %a64, %b32;", [&](Bits a, Bits b, Bits) { return amount(b) > 63 ? 0 : a << amount(b); }},
          {"shl.b16 %d16, %a16, %b32;",
           [&](Bits a, Bits b, Bits) { return amount(b) > 15 ? 0 : Bits{u16(a << amount(b))}; }},
          {"shr.u32 %d32, %a32, %b32;",
           [&](Bits a, Bits b, Bits) { return amount(b) > 31 ? 0 : Bits{u32(a) >> amount(b)}; }},
          {"shr.u64 %d64, %a64, %b32;", [&](Bits a, Bits b, Bits) { return amount(b) > 63 ? 0 : a >> amount(b); }},
          {"shr.s32 %d32, %a32, %b32;",
           [&](Bits a, Bits b, Bits) { return Bits{u32(s32(a) >> std::min(amount(b), 31U))}; }},
          {"shr.s64 %d64, %a64, %b32;",
           [&](Bits a, Bits b, Bits) { return static_cast<Bits>(s64(a) >> std::min(amount(b), 63U)); }},
          {"shf.l.wrap.b32 %d32, %a32, %b32, %c32;",
           [](Bits a, Bits b, Bits c) {
             return from_bits(32, [&](int i) {
               const int from = i + 32 - static_cast<int>(c & 31);
               return bit(u32(a) | Bits{u32(b)} << 32, from);
             });
           }},
          {"shf.r.clamp.b32 %d32, %a32, %b32, %c32;",
           [](Bits a, Bits b, Bits c) {
             return from_bits(32, [&](int i) {
               return bit(u32(a) | Bits{u32(b)} << 32, i + static_cast<int>(std::min(u32(c), 32U)));
             });
           }},
          {"shf.l.clamp.b32 %d32, %a32, %b32, %c32;",
           [](Bits a, Bits b, Bits c) {
             return from_bits(32, [&](int i) {
               return bit(u32(a) | Bits{u32(b)} << 32, i + 32 - static_cast<int>(std::min(u32(c), 32U)));
             });
           }},
          {"shf.r.wrap.b32 %d32, %a32, %b32, %c32;",
           [](Bits a, Bits b, Bits c) {
             return from_bits(32,
                              [&](int i) { return bit(u32(a) | Bits{u32(b)} << 32, i + static_cast<int>(c & 31)); });
           }},
      },
      integer_triples());
}

TEST(BitInstructions, Scans) {
  const auto ones = [](Bits x, int width) {
    Bits count = 0;
    for (int i = 0; i < width; ++i) {
      count += bit(x, i) ? 1 : 0;
    }
    return count;
  };
  const auto find = [](s64 x, int width) { return Bits{u32(highest(static_cast<Bits>(x < 0 ? ~x : x), width))}; };
  expect_instructions(
      {
          {"popc.b32 %d32, %a32;", [&](Bits a, Bits, Bits) { return ones(a, 32); }},
          {"popc.b64 %d32, %a64;", [&](Bits a, Bits, Bits) { return ones(a, 64); }},
          {"clz.b32 %d32, %a32;", [](Bits a, Bits, Bits) { return static_cast<Bits>(31 - highest(a, 32)); }},
          {"clz.b64 %d32, %a64;", [](Bits a, Bits, Bits) { return static_cast<Bits>(63 - highest(a, 64)); }},
          {"bfind.u32 %d32, %a32;", [](Bits a, Bits, Bits) { return Bits{u32(highest(a, 32))}; }},
          {"bfind.u64 %d32, %a64;", [](Bits a, Bits, Bits) { return Bits{u32(highest(a, 64))}; }},
          {"bfind.s32 %d32, %a32;", [&](Bits a, Bits, Bits) { return find(s32(a), 32); }},
          {"bfind.s64 %d32, %a64;", [&](Bits a, Bits, Bits) { return find(s64(a), 64); }},
          {"bfind.shiftamt.u32 %d32, %a32;",
           [](Bits a, Bits, Bits) { return highest(a, 32) < 0 ? Bits{~0U} : static_cast<Bits>(31 - highest(a, 32)); }},
          {"brev.b32 %d32, %a32;",
           [](Bits a, Bits, Bits) { return from_bits(32, [&](int i) { return bit(a, 31 - i); }); }},
          {"brev.b64 %d64, %a64;",
           [](Bits a, Bits, Bits) { return from_bits(64, [&](int i) { return bit(a, 63 - i); }); }},
      },
      integer_triples());
}

/// bfe by its definition in the PTX manual.
Bits extract(Bits a, int position, int length, int width, bool is_signed) {
  const bool sign = is_signed && length > 0 && bit(a, std::min(position + length - 1, width - 1));
  return from_bits(width, [&](int i) { return i < length && position + i < width ? bit(a, position + i) : sign; });
}

TEST(BitInstructions, Fields) {
  const auto byte = [](Bits x) { return static_cast<int>(x & 255); };
  const auto insert = [&](Bits a, Bits b, Bits c, int width) {
    const int position = byte(c);
    const int length = byte(c >> 8);
    return from_bits(width,
                     [&](int i) { return i >= position && i < position + length ? bit(a, i - position) : bit(b, i); });
  };
  const std::string second = "{ .reg .b32 %length; shr.u32 %length, %c32, 8; ";
  expect_instructions(
      {
          {"bfe.u32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return extract(u32(a), byte(b), byte(c), 32, false); }},
          {"bfe.s32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return extract(u32(a), byte(b), byte(c), 32, true); }},
          {"bfe.u64 %d64, %a64, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return extract(a, byte(b), byte(c), 64, false); }},
          {"bfe.s64 %d64, %a64, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return extract(a, byte(b), byte(c), 64, true); }},
          {second + "bfi.b32 %d32, %a32, %b32, %c32, %length; }",
           [&](Bits a, Bits b, Bits c) { return insert(a, b, u32(c), 32); }},
          {second + "bfi.b64 %d64, %a64, %b64, %c32, %length; }",
           [&](Bits a, Bits b, Bits c) { return insert(a, b, u32(c), 64); }},
          {"bmsk.clamp.b32 %d32, %a32, %b32;",
           [](Bits a, Bits b, Bits) {
             return from_bits(32, [&](int i) {
               return static_cast<u32>(i) >= u32(a) && static_cast<u64>(i) < u64{u32(a)} + u32(b);
             });
           }},
          {"szext.clamp.s32 %d32, %a32, %b32;",
           [](Bits a, Bits b, Bits) {
             return u32(b) == 0 ? 0 : extract(u32(a), 0, static_cast<int>(std::min(u32(b), 32U)), 32, true);
           }},
      },
      integer_triples());
}

TEST(BitInstructions, Permutations) {
  const auto byte_of = [](Bits a, Bits b, int k) {
    return (k < 4 ? u32(a) >> (8 * k) : u32(b) >> (8 * (k - 4))) & 255U;
  };
  const auto build = [&](Bits a, Bits b, auto source) {
    Bits result = 0;
    for (int k = 0; k < 4; ++k) {
      result |= Bits{byte_of(a, b, source(k))} << (8 * k);
    }
    return result;
  };
  expect_instructions(
      {
          {"prmt.b32 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) {
             Bits result = 0;
             for (int k = 0; k < 4; ++k) {
               const int selector = static_cast<int>(c >> (4 * k) & 15);
               const u32 byte = byte_of(a, b, selector & 7);
               result |= Bits{selector < 8 ? byte : (byte & 128) != 0 ? 255U : 0U} << (8 * k);
             }
             return result;
           }},
          {"prmt.b32.f4e %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return build(a, b, [&](int k) { return k + static_cast<int>(c & 3); }); }},
          {"prmt.b32.b4e %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) {
             return build(a, b, [&](int k) { return (static_cast<int>(c & 3) - k + 8) % 8; });
           }},
          {"prmt.b32.rc8 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) { return build(a, b, [&](int) { return static_cast<int>(c & 3); }); }},
          {"prmt.b32.rc16 %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) {
             return build(a, b, [&](int k) { return static_cast<int>(c & 1) * 2 + k % 2; });
           }},
          {"prmt.b32.ecl %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) {
             return build(a, b, [&](int k) { return std::max(k, static_cast<int>(c & 3)); });
           }},
          {"prmt.b32.ecr %d32, %a32, %b32, %c32;",
           [&](Bits a, Bits b, Bits c) {
             return build(a, b, [&](int k) { return std::min(k, static_cast<int>(c & 3)); });
           }},
      },
      integer_triples());
}

}  // namespace
}  // namespace bnas::emu::test
