// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cfenv>

#include "machine/half.hpp"
#include "ptx/statement.hpp"

namespace bnas::emu {

/// add, sub, mul, fma, mad, div, min and max of floating-point types.
void bind_float(const Statement& s, Instruction& i);
/// neg and abs of floating-point types.
void bind_float_sign(const Statement& s, Instruction& i);

Rounding rounding_of(const Statement& s);

/// Host arithmetic rounds as told while this lives. Operands must be kept from being folded: pass them through
/// opaque().
class RoundingScope {
 public:
  explicit RoundingScope(Rounding mode) : before_(std::fegetround()) {
    constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(kModes[static_cast<int>(mode)]);
  }
  ~RoundingScope() { std::fesetround(before_); }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;

 private:
  int before_;
};

/// The value, unknown to the optimizer: computations with it stay where they are.
template <class T>
T opaque(T value) {
  __asm__ volatile("" : "+m"(value) : : "memory");
  return value;
}

/// Subnormal numbers become zero of their sign.
inline float flush(float x) {
  const u32 bits = std::bit_cast<u32>(x);
  return (bits & 0x7f800000U) == 0 ? std::bit_cast<float>(bits & 0x80000000U) : x;
}
inline double flush(double x) { return x; }
inline Half flush(Half x) { return (x.bits & 0x7c00U) == 0 ? Half{static_cast<u16>(x.bits & 0x8000U)} : x; }
inline BFloat flush(BFloat x) { return x; }

/// To 0..1; what is not a number becomes 0.
template <class T>
T saturate(T x) {
  const auto f = to_float(x);
  using F = std::decay_t<decltype(f)>;
  return from_float<T>(f > F{0} ? (f < F{1} ? f : F{1}) : F{0});
}

}  // namespace bnas::emu
