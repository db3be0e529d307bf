// SPDX-License-Identifier: Apache-2.0
// Conversions and moves.
#include <algorithm>
#include <limits>

#include "ptx/types.hpp"
#include "tests/core/instruction_case.hpp"

namespace bnas::emu::test {
namespace {

/// A number within the range of T: what float-to-integer conversions do beyond it.
template <class T>
Bits bounded(long double x) {
  const long double low = std::numeric_limits<T>::min();
  const long double high = std::numeric_limits<T>::max();
  return std::isnan(x)
             ? 0
             : static_cast<Bits>(static_cast<std::make_unsigned_t<T>>(static_cast<T>(std::clamp(x, low, high))));
}

long double to_even(long double x) { return std::nearbyint(x); }

TEST(ConvertInstructions, IntegersToIntegers) {
  expect_instructions(
      {
          {"cvt.u64.u32 %d64, %a32;", [](Bits a, Bits, Bits) { return Bits{u32(a)}; }},
          {"cvt.s64.s32 %d64, %a32;", [](Bits a, Bits, Bits) { return static_cast<Bits>(s64{s32(a)}); }},
          {"cvt.u32.u64 %d32, %a64;", [](Bits a, Bits, Bits) { return Bits{u32(a)}; }},
          {"cvt.s32.s16 %d32, %a16;", [](Bits a, Bits, Bits) { return Bits{u32(s32{s16(a)})}; }},
          {"cvt.u32.u16 %d32, %a16;", [](Bits a, Bits, Bits) { return Bits{u16(a)}; }},
          {"cvt.s32.s8 %d32, %a32;", [](Bits a, Bits, Bits) { return Bits{u32(s32{s8(a)})}; }},
          {"cvt.u16.u8 %d16, %a16;", [](Bits a, Bits, Bits) { return Bits{u8(a)}; }},
          {"cvt.s16.s8 %d16, %a32;", [](Bits a, Bits, Bits) { return Bits{u16(s16{s8(a)})}; }},
          {"cvt.s64.s8 %d64, %a32;", [](Bits a, Bits, Bits) { return static_cast<Bits>(s64{s8(a)}); }},
          {"cvt.sat.s8.s32 %d32, %a32;", [](Bits a, Bits, Bits) { return Bits{u32(std::clamp(s32(a), -128, 127))}; }},
          {"cvt.sat.u8.s32 %d32, %a32;", [](Bits a, Bits, Bits) { return Bits{u32(std::clamp(s32(a), 0, 255))}; }},
          {"cvt.sat.s32.s64 %d32, %a64;", [](Bits a, Bits, Bits) { return bounded<s32>(s64(a)); }},
          {"cvt.sat.u32.s32 %d32, %a32;", [](Bits a, Bits, Bits) { return bounded<u32>(s32(a)); }},
      },
      integer_triples());
}

TEST(ConvertInstructions, IntegersToFloats) {
  std::vector<std::array<Bits, 3>> triples = integer_triples();
  expect_instructions(
      {{"cvt.rn.f32.s32 %d32, %a32;", [](Bits a, Bits, Bits) { return bits_of(static_cast<float>(s32(a))); }},
       {"cvt.rn.f32.u64 %d32, %a64;", [](Bits a, Bits, Bits) { return bits_of(static_cast<float>(a)); }},
       {"cvt.rn.f32.u8 %d32, %a32;", [](Bits a, Bits, Bits) { return bits_of(static_cast<float>(u8(a))); }},
       {"cvt.rz.f32.u32 %d32, %a32;",
        [](Bits a, Bits, Bits) {
          const float nearest = static_cast<float>(u32(a));
          return bits_of(double{nearest} > double(u32(a)) ? std::nextafter(nearest, 0.0F) : nearest);
        }}},
      triples, Compare::f32);
  expect_instructions(
      {{"cvt.rn.f64.s64 %d64, %a64;", [](Bits a, Bits, Bits) { return bits_of(static_cast<double>(s64(a))); }},
       {"cvt.rn.f64.u32 %d64, %a32;", [](Bits a, Bits, Bits) { return bits_of(static_cast<double>(u32(a))); }}},
      triples, Compare::f64);
  expect_instructions(
      {{"cvt.rn.f16.s32 %d16, %a32;", [](Bits a, Bits, Bits) { return Bits{nearest_half(s32(a))}; }},
       {"cvt.rz.f16.u32 %d16, %a32;", [](Bits a, Bits, Bits) { return Bits{nearest_half(u32(a), "rz")}; }}},
      triples, Compare::f16);
  expect_instructions(
      {{"cvt.rn.bf16.s32 %d16, %a32;", [](Bits a, Bits, Bits) { return Bits{nearest_bfloat(s32(a))}; }}}, triples,
      Compare::bf16);
}

TEST(ConvertInstructions, FloatsToIntegers) {
  expect_instructions(
      {
          {"cvt.rzi.s32.f32 %d32, %a32;", [](Bits a, Bits, Bits) { return bounded<s32>(std::trunc(as_float(a))); }},
          {"cvt.rni.s32.f32 %d32, %a32;", [](Bits a, Bits, Bits) { return bounded<s32>(to_even(as_float(a))); }},
          {"cvt.rmi.s32.f32 %d32, %a32;", [](Bits a, Bits, Bits) { return bounded<s32>(std::floor(as_float(a))); }},
          {"cvt.rpi.u32.f32 %d32, %a32;", [](Bits a, Bits, Bits) { return bounded<u32>(std::ceil(as_float(a))); }},
          {"cvt.rzi.u64.f32 %d64, %a32;",
           [](Bits a, Bits, Bits) {
             return std::isnan(as_float(a)) ? Bits{1} << 63 : bounded<u64>(std::trunc(as_float(a)));
           }},
          {"cvt.rzi.s16.f32 %d16, %a32;", [](Bits a, Bits, Bits) { return bounded<s16>(std::trunc(as_float(a))); }},
          {"cvt.rni.sat.u8.f32 %d32, %a32;", [](Bits a, Bits, Bits) { return bounded<u8>(to_even(as_float(a))); }},
      },
      float_triples());
  expect_instructions(
      {{"cvt.rzi.s32.f64 %d32, %a64;", [](Bits a, Bits, Bits) { return bounded<s32>(std::trunc(as_double(a))); }},
       {"cvt.rni.s64.f64 %d64, %a64;",
        [](Bits a, Bits, Bits) {
          return std::isnan(as_double(a)) ? Bits{1} << 63 : bounded<s64>(to_even(as_double(a)));
        }}},
      double_triples());
}

TEST(ConvertInstructions, FloatsToFloats) {
  expect_instructions({{"cvt.f64.f32 %d64, %a32;", [](Bits a, Bits, Bits) { return bits_of(double{as_float(a)}); }}},
                      float_triples(), Compare::f64);
  expect_instructions(
      {{"cvt.rni.f32.f32 %d32, %a32;", [](Bits a, Bits, Bits) { return bits_of(std::nearbyint(as_float(a))); }},
       {"cvt.rmi.f32.f32 %d32, %a32;", [](Bits a, Bits, Bits) { return bits_of(std::floor(as_float(a))); }},
       {"cvt.sat.f32.f32 %d32, %a32;",
        [](Bits a, Bits, Bits) { return bits_of(as_float(a) > 0 ? std::min(as_float(a), 1.0F) : 0.0F); }}},
      float_triples(), Compare::f32);
  expect_instructions(
      {{"cvt.rn.f32.f64 %d32, %a64;", [](Bits a, Bits, Bits) { return bits_of(static_cast<float>(as_double(a))); }},
       {"cvt.rp.f32.f64 %d32, %a64;",
        [](Bits a, Bits, Bits) {
          const float nearest = static_cast<float>(as_double(a));
          return bits_of(double{nearest} < as_double(a) ? std::nextafter(nearest, INFINITY) : nearest);
        }}},
      double_triples(), Compare::f32);
  for (const std::string mode : {"rn", "rz"}) {
    expect_instructions({{"cvt." + mode + ".f16.f32 %d16, %a32;",
                          [mode](Bits a, Bits, Bits) { return Bits{nearest_half(as_float(a), mode)}; }}},
                        float_triples(), Compare::f16);
    expect_instructions({{"cvt." + mode + ".bf16.f32 %d16, %a32;",
                          [mode](Bits a, Bits, Bits) { return Bits{nearest_bfloat(as_float(a), mode)}; }}},
                        float_triples(), Compare::bf16);
    expect_instructions({{"cvt." + mode + ".f16x2.f32 %d32, %a32, %b32;",
                          [mode](Bits a, Bits b, Bits) {
                            return Bits{nearest_half(as_float(a), mode)} << 16 | nearest_half(as_float(b), mode);
                          }}},
                        float_triples(), Compare::f16x2);
    expect_instructions({{"cvt." + mode + ".bf16x2.f32 %d32, %a32, %b32;",
                          [mode](Bits a, Bits b, Bits) {
                            return Bits{nearest_bfloat(as_float(a), mode)} << 16 | nearest_bfloat(as_float(b), mode);
                          }}},
                        float_triples(), Compare::bf16x2);
  }
  expect_instructions(
      {{"cvt.rn.f16.f64 %d16, %a64;", [](Bits a, Bits, Bits) { return Bits{nearest_half(as_double(a))}; }}},
      double_triples(), Compare::f16);
  expect_instructions({{"cvt.rn.relu.bf16x2.f32 %d32, %a32, %b32;",
                        [](Bits a, Bits b, Bits) {
                          const auto relu = [](float x) { return x <= 0 ? 0.0F : x; };
                          return Bits{nearest_bfloat(relu(as_float(a)))} << 16 | nearest_bfloat(relu(as_float(b)));
                        }}},
                      float_triples(), Compare::bf16x2);
  expect_instructions(
      {{"cvt.f32.f16 %d32, %a16;", [](Bits a, Bits, Bits) { return bits_of(static_cast<float>(half_value(u16(a)))); }},
       {"cvt.f32.bf16 %d32, %a16;",
        [](Bits a, Bits, Bits) { return bits_of(static_cast<float>(bfloat_value(u16(a)))); }}},
      half_triples(), Compare::f32);
  // tf32 keeps 10 bits of fraction; rna rounds ties away from zero.
  expect_instructions(
      {{"cvt.rna.tf32.f32 %d32, %a32;",
        [](Bits a, Bits, Bits) {
          int exponent = 0;
          const double fraction = std::frexp(as_float(a), &exponent);
          exponent = std::max(exponent, -125);  // subnormal numbers have the unit of the least normal one
          const double scaled = std::ldexp(double{as_float(a)}, 11 - exponent);
          static_cast<void>(fraction);
          return std::isfinite(as_float(a)) ? bits_of(static_cast<float>(std::ldexp(std::round(scaled), exponent - 11)))
                                            : a;
        }}},
      float_triples(), Compare::f32);
}

TEST(ConvertInstructions, EveryHalfThereIs) {
  std::vector<std::array<Bits, 3>> all;
  for (Bits h = 0; h < 0x10000; ++h) {
    all.push_back({h, 0, 0});
  }
  expect_instructions(
      {{"cvt.f32.f16 %d32, %a16;", [](Bits a, Bits, Bits) { return bits_of(static_cast<float>(half_value(u16(a)))); }}},
      all, Compare::f32);
  expect_instructions({{"cvt.f32.f16 %t32, %a16; cvt.rn.f16.f32 %d16, %t32;", [](Bits a, Bits, Bits) { return a; }}},
                      all, Compare::f16);
}

TEST(MoveInstructions, PartsOfRegisters) {
  expect_instructions(
      {
          {"mov.b64 {%t32, %u32}, %a64; mov.b64 %d64, {%u32, %t32};",
           [](Bits a, Bits, Bits) { return a << 32 | a >> 32; }},
          {"{ .reg .b16 %x, %y; mov.b32 {%x, %y}, %a32; mov.b32 %d32, {%y, %x}; }",
           [](Bits a, Bits, Bits) { return Bits{u32(a) << 16 | u32(a) >> 16}; }},
          {"{ .reg .b16 %x, %y, %z, %w; mov.b64 {%x, %y, %z, %w}, %a64; mov.b64 %d64, {%w, %z, %y, %x}; }",
           [](Bits a, Bits, Bits) { return a << 48 | (a & 0xffff0000U) << 16 | (a >> 16 & 0xffff0000U) | a >> 48; }},
          {"mov.b32 {%d16, _}, %a32;", [](Bits a, Bits, Bits) { return Bits{u16(a)}; }},
          {"{ .reg .b128 %quad; mov.b128 %quad, {%a64, %b64}; mov.b128 {%t64, %d64}, %quad; }",
           [](Bits, Bits b, Bits) { return b; }},
          {"mov.u32 %d32, 0x12345678;", [](Bits, Bits, Bits) { return Bits{0x12345678}; }},
          {"mov.f32 %d32, 0fBF800000;", [](Bits, Bits, Bits) { return bits_of(-1.0F); }},
          {"mov.u64 %d64, -1;", [](Bits, Bits, Bits) { return ~Bits{0}; }},
          {"mov.u32 %d32, WARP_SZ;", [](Bits, Bits, Bits) { return Bits{32}; }},
      },
      integer_triples());
}

TEST(MoveInstructions, WhatChangesNothing) {
  expect_instructions(
      {{"prefetch.global.L2 [%base]; nanosleep.u32 20; griddepcontrol.wait; griddepcontrol.launch_dependents;"
        " membar.gl; fence.acq_rel.gpu; pmevent 3; mov.u32 %d32, %a32;",
        [](Bits a, Bits, Bits) { return Bits{u32(a)}; }},
       // Time passes: one reading is less than the next.
       {"{ .reg .pred %r; mov.u64 %t64, %clock64; mov.u64 %d64, %globaltimer; mov.u32 %t32, %clock; mov.u64 %d64, "
        "%clock64;"
        " setp.lt.u64 %r, %t64, %d64; selp.u32 %d32, 1, 0, %r; cvt.u64.u32 %d64, %d32; }",
        [](Bits, Bits, Bits) { return Bits{1}; }}},
      integer_triples());
}

}  // namespace
}  // namespace bnas::emu::test
