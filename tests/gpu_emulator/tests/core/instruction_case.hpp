// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/core/device.hpp"

namespace bnas::emu::test {

using Bits = std::uint64_t;

/// One instruction against host arithmetic. `text` may use %a, %b, %c followed by 16, 32 or 64 (the low bits of the
/// operands), %p and %q (predicates: whether bit 0 of a, of b is set), the scratch registers %t32, %t64, %u32, and must
/// write %d16, %d32 or %d64.
struct InstructionCase {
  std::string text;
  std::function<Bits(Bits a, Bits b, Bits c)> expected;
};

/// How results are compared: their bits, or as floating-point numbers where every NaN is as good as another.
enum class Compare { bits, f16, bf16, f16x2, bf16x2, f32, f64 };

/// Runs all cases on all triples; `tolerance` is relative, for functions that are approximations.
void expect_instructions(const std::vector<InstructionCase>& cases, const std::vector<std::array<Bits, 3>>& triples,
                         Compare compare = Compare::bits, double tolerance = 0);

/// Triples of integers: all of the edges with one another, and random ones of every magnitude.
std::vector<std::array<Bits, 3>> integer_triples();
/// Triples of floats (in the low 32 bits) or doubles: special values with one another, and random ones.
std::vector<std::array<Bits, 3>> float_triples();
std::vector<std::array<Bits, 3>> double_triples();
/// Triples of 16-bit values in the low and high halves of 32 bits.
std::vector<std::array<Bits, 3>> half_triples();

inline float as_float(Bits bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits)); }
inline double as_double(Bits bits) { return std::bit_cast<double>(bits); }
inline Bits bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }
inline Bits bits_of(double value) { return std::bit_cast<Bits>(value); }

// The 16-bit formats from their definition, slowly: the value of each, and a search for the nearest.
double half_value(std::uint16_t bits);
double bfloat_value(std::uint16_t bits);
/// Mode as PTX names it: "rn", "rz", "rm", "rp".
std::uint16_t nearest_half(double value, const std::string& mode = "rn");
std::uint16_t nearest_bfloat(double value, const std::string& mode = "rn");

/// A module of one kernel `k` that loads three 64-bit operands per thread and stores a result. See InstructionCase.
std::string instruction_module(const std::string& text);

}  // namespace bnas::emu::test
