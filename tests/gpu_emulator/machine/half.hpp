// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include "ptx/types.hpp"

namespace bnas::emu {

/// Rounding modes of PTX: to nearest even, towards zero, towards minus or plus infinity.
enum class Rounding : u8 { rn, rz, rm, rp };

/// Values of f16 and bf16 as their bits. Arithmetic happens in float, whose 24 bits make rounding twice harmless for
/// sums, products, quotients and roots (24 >= 2 * 11 + 2).
struct Half {
  u16 bits;
};
struct BFloat {
  u16 bits;
};

inline float to_float(Half h) {
  // The exponent's bias differs by 112; multiplying by 2^112 also makes subnormals right.
  const u32 magnitude = static_cast<u32>(h.bits & 0x7fffU) << 13;
  u32 bits = std::bit_cast<u32>(std::bit_cast<float>(magnitude) * 0x1p112F);
  if ((h.bits & 0x7c00U) == 0x7c00U) {
    bits = magnitude | 0x7f800000U;
  }
  return std::bit_cast<float>(bits | static_cast<u32>(h.bits & 0x8000U) << 16);
}

inline float to_float(BFloat b) { return std::bit_cast<float>(static_cast<u32>(b.bits) << 16); }
inline float to_float(float f) { return f; }
inline double to_float(double d) { return d; }

/// Does dropping `dropped` bits of `value`, of which the last kept one is `last`, round the magnitude up?
inline bool rounds_up(u32 value, int dropped, bool negative, Rounding mode) {
  const u32 rest = value & ((1U << dropped) - 1);
  const u32 half = 1U << (dropped - 1);
  switch (mode) {
    case Rounding::rn:
      return rest > half || (rest == half && (value >> dropped & 1U) != 0);
    case Rounding::rz:
      return false;
    case Rounding::rm:
      return negative && rest != 0;
    case Rounding::rp:
      return !negative && rest != 0;
  }
  return false;
}

inline Half to_half(float f, Rounding mode = Rounding::rn) {
  constexpr u16 kNan = 0x7fff;
  const u32 bits = std::bit_cast<u32>(f);
  const bool negative = (bits >> 31) != 0;
  const u16 sign = negative ? 0x8000 : 0;
  const u32 magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) {
    return {kNan};
  }
  if (magnitude == 0x7f800000U) {
    return {static_cast<u16>(sign | 0x7c00U)};
  }
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  u32 significand = (magnitude & 0x7fffffU) | (magnitude >= 0x800000U ? 0x800000U : 0U);
  u32 result = 0;
  if (exponent < -14) {  // subnormal: one unit is 2^-24
    const int dropped = 13 + (-14 - exponent);
    if (dropped >= 25) {
      significand = significand != 0 ? 1 : 0;
      result = rounds_up(significand, 24, negative, mode) ? 1 : 0;
    } else {
      result = (significand >> dropped) + (rounds_up(significand, dropped, negative, mode) ? 1 : 0);
    }
  } else {
    result = (static_cast<u32>(exponent + 15) << 10) + ((significand >> 13) & 0x3ffU) +
             (rounds_up(significand, 13, negative, mode) ? 1 : 0);
    if (exponent > 15 || result >= 0x7c00U) {
      const bool to_infinity =
          mode == Rounding::rn || (mode == Rounding::rp && !negative) || (mode == Rounding::rm && negative);
      result = to_infinity ? 0x7c00U : 0x7bffU;
    }
  }
  return {static_cast<u16>(sign | result)};
}

inline BFloat to_bfloat(float f, Rounding mode = Rounding::rn) {
  const u32 bits = std::bit_cast<u32>(f);
  if ((bits & 0x7fffffffU) > 0x7f800000U) {
    return {0x7fff};
  }
  return {static_cast<u16>((bits >> 16) + (rounds_up(bits, 16, (bits >> 31) != 0, mode) ? 1U : 0U))};
}

/// The value of T nearest to a float or double.
template <class T>
T from_float(decltype(to_float(T{})) value) {
  if constexpr (std::is_same_v<T, Half>) {
    return to_half(value);
  } else if constexpr (std::is_same_v<T, BFloat>) {
    return to_bfloat(value);
  } else {
    return value;
  }
}

/// p + c rounded to odd as a float: the last bit is set where anything was cut off, so that rounding once more to a
/// shorter format gives what rounding the exact sum would (Boldo and Melquiond, "Emulation of FMA", 2008).
inline float odd_sum(double p, double c) {
  double sum = p + c;
  if (!std::isfinite(sum)) {
    return static_cast<float>(sum);
  }
  const double c_seen = sum - p;
  const double error = (p - (sum - c_seen)) + (c - c_seen);
  const double infinity = std::numeric_limits<double>::infinity();
  if (error != 0 && (std::bit_cast<u64>(sum) & 1U) == 0) {
    sum = std::nextafter(sum, error > 0 ? infinity : -infinity);
  }
  float f = static_cast<float>(sum);
  if (static_cast<double>(f) == sum || std::isinf(f)) {
    return f;
  }
  if (std::fabs(static_cast<double>(f)) > std::fabs(sum)) {
    f = std::nextafter(f, 0.0F);
  }
  return std::bit_cast<float>(std::bit_cast<u32>(f) | 1U);
}

}  // namespace bnas::emu
