// SPDX-License-Identifier: Apache-2.0
// Comparisons and selections.
#include "ptx/types.hpp"
#include "tests/core/instruction_case.hpp"

namespace bnas::emu::test {
namespace {

/// setp into both predicates, which become bits 0 and 1.
InstructionCase both(const std::string& comparison, const std::string& operands, std::function<bool(Bits, Bits)> f) {
  return {"{ .reg .pred %r, %s; setp." + comparison + " %r|%s, " + operands +
              "; selp.u32 %t32, 1, 0, %r; selp.u32 %u32, 2, 0, %s; or.b32 %d32, %t32, %u32; }",
          [f](Bits a, Bits b, Bits) { return f(a, b) ? Bits{1} : Bits{2}; }};
}

TEST(CompareInstructions, Integers) {
  expect_instructions(
      {
          both("eq.s32", "%a32, %b32", [](Bits a, Bits b) { return u32(a) == u32(b); }),
          both("ne.b64", "%a64, %b64", [](Bits a, Bits b) { return a != b; }),
          both("lt.s32", "%a32, %b32", [](Bits a, Bits b) { return s32(a) < s32(b); }),
          both("lt.u32", "%a32, %b32", [](Bits a, Bits b) { return u32(a) < u32(b); }),
          both("lo.u32", "%a32, %b32", [](Bits a, Bits b) { return u32(a) < u32(b); }),
          both("le.s64", "%a64, %b64", [](Bits a, Bits b) { return s64(a) <= s64(b); }),
          both("gt.u64", "%a64, %b64", [](Bits a, Bits b) { return a > b; }),
          both("hs.u16", "%a16, %b16", [](Bits a, Bits b) { return u16(a) >= u16(b); }),
          both("ge.s16", "%a16, %b16", [](Bits a, Bits b) { return s16(a) >= s16(b); }),
          {"set.lt.u32.s32 %d32, %a32, %b32;", [](Bits a, Bits b, Bits) { return Bits{s32(a) < s32(b) ? ~0U : 0U}; }},
          {"set.gt.and.f32.u32 %d32, %a32, %b32, %p;",
           [](Bits a, Bits b, Bits) { return u32(a) > u32(b) && (a & 1) != 0 ? bits_of(1.0F) : 0; }},
          {"{ .reg .pred %r; setp.lt.or.u32 %r, %a32, %b32, !%p; selp.u32 %d32, 1, 0, %r; }",
           [](Bits a, Bits b, Bits) { return Bits{u32(a) < u32(b) || (a & 1) == 0}; }},
          {"{ .reg .pred %r; setp.eq.xor.s32 %r, %a32, 5, %q; selp.u32 %d32, 1, 0, %r; }",
           [](Bits a, Bits b, Bits) { return Bits{(u32(a) == 5) != ((b & 1) != 0)}; }},
      },
      integer_triples());
}

TEST(CompareInstructions, Floats) {
  const auto of = [](auto f) { return [f](Bits a, Bits b) { return f(as_float(a), as_float(b)); }; };
  const auto unordered = [](float a, float b) { return std::isnan(a) || std::isnan(b); };
  expect_instructions(
      {
          both("eq.f32", "%a32, %b32", of([](float a, float b) { return a == b; })),
          both("lt.f32", "%a32, %b32", of([](float a, float b) { return a < b; })),
          both("ge.f32", "%a32, %b32", of([](float a, float b) { return a >= b; })),
          both("ne.f32", "%a32, %b32", of([&](float a, float b) { return !unordered(a, b) && a != b; })),
          both("neu.f32", "%a32, %b32", of([](float a, float b) { return a != b; })),
          both("equ.f32", "%a32, %b32", of([&](float a, float b) { return unordered(a, b) || a == b; })),
          both("ltu.f32", "%a32, %b32", of([](float a, float b) { return !(a >= b); })),
          both("leu.f32", "%a32, %b32", of([](float a, float b) { return !(a > b); })),
          both("gtu.f32", "%a32, %b32", of([](float a, float b) { return !(a <= b); })),
          both("geu.f32", "%a32, %b32", of([](float a, float b) { return !(a < b); })),
          both("num.f32", "%a32, %b32", of([&](float a, float b) { return !unordered(a, b); })),
          both("nan.f32", "%a32, %b32", of(unordered)),
          {"slct.u32.f32 %d32, %a32, %b32, %c32;",
           [](Bits a, Bits b, Bits c) { return Bits{u32(as_float(c) >= 0 ? a : b)}; }},
      },
      float_triples());
  expect_instructions({both("gt.f64", "%a64, %b64", [](Bits a, Bits b) { return as_double(a) > as_double(b); }),
                       both("le.f64", "%a64, %b64", [](Bits a, Bits b) { return as_double(a) <= as_double(b); })},
                      double_triples());
  const auto halves = [](Bits x) { return half_value(static_cast<u16>(x)); };
  const auto bfloats = [](Bits x) { return bfloat_value(static_cast<u16>(x)); };
  expect_instructions({both("gt.f16", "%a16, %b16", [&](Bits a, Bits b) { return halves(a) > halves(b); }),
                       both("lt.bf16", "%a16, %b16", [&](Bits a, Bits b) { return bfloats(a) < bfloats(b); })},
                      half_triples());
}

TEST(CompareInstructions, Selections) {
  expect_instructions(
      {
          {"selp.b32 %d32, %a32, %b32, %p;", [](Bits a, Bits b, Bits) { return Bits{u32((a & 1) != 0 ? a : b)}; }},
          {"selp.b64 %d64, %a64, %b64, !%q;", [](Bits a, Bits b, Bits) { return (b & 1) == 0 ? a : b; }},
          {"selp.b16 %d16, %a16, %b16, %q;", [](Bits a, Bits b, Bits) { return Bits{u16((b & 1) != 0 ? a : b)}; }},
          {"slct.s64.s32 %d64, %a64, %b64, %c32;", [](Bits a, Bits b, Bits c) { return s32(c) >= 0 ? a : b; }},
          {"@%p mov.u32 %d32, %a32; @!%p mov.u32 %d32, %b32;",
           [](Bits a, Bits b, Bits) { return Bits{u32((a & 1) != 0 ? a : b)}; }},
      },
      integer_triples());
}

}  // namespace
}  // namespace bnas::emu::test
