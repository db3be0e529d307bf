// SPDX-License-Identifier: Apache-2.0
// Floating-point arithmetic: f32, f64, f16, bf16 and pairs of the latter two. All but the last digits of
// approximations is as IEEE 754 says and the PTX manual restates.
#include "machine/float.hpp"

#include <cmath>

#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

/// Modifiers, as bits of Instruction::mode.
enum Modifier : u8 { kFlush = 1, kSaturate = 2, kNan = 4, kRelu = 8 };

enum class FloatOp : u8 { add, subtract, multiply, divide, least, greatest, multiply_add };

/// Of two numbers the smaller (or larger), zeros ordered by sign; a number rather than a NaN, unless `nan`.
template <class F>
F pick(F a, F b, bool smaller, bool nan) {
  if (std::isnan(a) || std::isnan(b)) {
    return nan || (std::isnan(a) && std::isnan(b)) ? std::numeric_limits<F>::quiet_NaN() : std::isnan(a) ? b : a;
  }
  if (a == b) {
    return std::signbit(a) == smaller ? a : b;
  }
  return (a < b) == smaller ? a : b;
}

template <FloatOp kOp, class F>
F compute(F a, F b, bool nan) {
  if constexpr (kOp == FloatOp::add) {
    return a + b;
  } else if constexpr (kOp == FloatOp::subtract) {
    return a - b;
  } else if constexpr (kOp == FloatOp::multiply) {
    return a * b;
  } else if constexpr (kOp == FloatOp::divide) {
    return a / b;
  } else {
    return pick(a, b, kOp == FloatOp::least, nan);
  }
}

/// One operation on values of T, rounded once.
template <FloatOp kOp, class T>
T apply(T a, T b, T c, bool nan) {
  if constexpr (kOp != FloatOp::multiply_add) {
    return from_float<T>(compute<kOp>(to_float(a), to_float(b), nan));
  } else if constexpr (sizeof(T) >= 4) {
    return std::fma(a, b, c);
  } else {
    // The product is exact in double.
    return from_float<T>(
        odd_sum(static_cast<double>(to_float(a)) * static_cast<double>(to_float(b)), static_cast<double>(to_float(c))));
  }
}

template <class T>
T modify(T x, u8 mode) {
  if ((mode & kFlush) != 0) {
    x = flush(x);
  }
  if ((mode & kSaturate) != 0) {
    x = saturate(x);
  }
  if ((mode & kRelu) != 0 && !std::isnan(to_float(x)) && !(to_float(x) > 0)) {
    x = from_float<T>(0);
  }
  return x;
}

template <FloatOp kOp, class T>
void run_plain(Block& block, const Instruction& i, LaneMask mask) {
  if constexpr (kOp == FloatOp::multiply_add) {
    map3<T>(block, i, mask, [](T a, T b, T c) { return apply<kOp>(a, b, c, false); });
  } else {
    map2<T>(block, i, mask, [](T a, T b) { return apply<kOp>(a, b, T{}, false); });
  }
}

/// With modifiers or a rounding mode.
template <FloatOp kOp, class T>
void run_modified(Block& block, const Instruction& i, LaneMask mask) {
  const RoundingScope scope(static_cast<Rounding>(i.rounding));
  auto* to = block.row<SlotOf<T>>(i.to);
  const auto* a = block.row<SlotOf<T>>(i.from[0]);
  const auto* b = block.row<SlotOf<T>>(i.from[1]);
  const auto* c = kOp == FloatOp::multiply_add ? block.row<SlotOf<T>>(i.from[2]) : b;
  const bool flushes = (i.mode & kFlush) != 0;
  const auto operand = [flushes](SlotOf<T> slot) { return opaque(flushes ? flush(get<T>(slot)) : get<T>(slot)); };
  for_lanes(mask, [&](unsigned l) {
    const T result = opaque(apply<kOp>(operand(a[l]), operand(b[l]), operand(c[l]), (i.mode & kNan) != 0));
    to[l] = put<T>(modify(result, i.mode));
  });
}

/// Both halves of each word.
template <FloatOp kOp, class T>
void run_pair(Block& block, const Instruction& i, LaneMask mask) {
  u32* to = block.row<u32>(i.to);
  const u32* a = block.row<u32>(i.from[0]);
  const u32* b = block.row<u32>(i.from[1]);
  const u32* c = kOp == FloatOp::multiply_add ? block.row<u32>(i.from[2]) : b;
  for_lanes(mask, [&](unsigned l) {
    u32 pair = 0;
    for (int half = 0; half < 2; ++half) {
      const auto part = [half, flushes = (i.mode & kFlush) != 0](u32 word) {
        const T value{static_cast<u16>(word >> (16 * half))};
        return flushes ? flush(value) : value;
      };
      const T result = modify(apply<kOp>(part(a[l]), part(b[l]), part(c[l]), (i.mode & kNan) != 0), i.mode);
      pair |= static_cast<u32>(result.bits) << (16 * half);
    }
    to[l] = pair;
  });
}

/// Single precision with the processor's own instruction, where it has one: the library's function costs ten times as
/// much, and this is the commonest instruction of all.
__attribute__((target("avx2,fma"))) void run_fast_fma(Block& block, const Instruction& i, LaneMask mask) {
  float* to = block.row<float>(i.to);
  const float* a = block.row<float>(i.from[0]);
  const float* b = block.row<float>(i.from[1]);
  const float* c = block.row<float>(i.from[2]);
  if (mask == kAllLanes) {
#pragma GCC ivdep
    for (int l = 0; l < 32; ++l) {
      to[l] = __builtin_fmaf(a[l], b[l], c[l]);
    }
    return;
  }
  for (; mask != 0; mask &= mask - 1) {
    const int l = __builtin_ctz(mask);
    to[l] = __builtin_fmaf(a[l], b[l], c[l]);
  }
}

template <FloatOp kOp>
Run choose(Type type, bool modified) {
  switch (type) {
    case Type::F16X2:
      return run_pair<kOp, Half>;
    case Type::BF16X2:
      return run_pair<kOp, BFloat>;
    case Type::F32:
      if (kOp == FloatOp::multiply_add && !modified && __builtin_cpu_supports("fma") != 0 &&
          __builtin_cpu_supports("avx2") != 0) {
        return run_fast_fma;
      }
      break;
    default:
      break;
  }
  return by_float(type, [modified](auto zero) -> Run {
    using T = decltype(zero);
    return modified ? run_modified<kOp, T> : run_plain<kOp, T>;
  });
}

/// neg and abs change the sign bits alone.
template <class W, W kSigns, bool kClears>
void run_sign(Block& block, const Instruction& i, LaneMask mask) {
  map1<W, W>(block, i, mask, [](W x) { return static_cast<W>(kClears ? x & ~kSigns : x ^ kSigns); });
}

template <bool kClears>
Run choose_sign(Type type) {
  switch (type) {
    case Type::F32:
      return run_sign<u32, 0x80000000U, kClears>;
    case Type::F64:
      return run_sign<u64, u64{1} << 63, kClears>;
    case Type::F16:
    case Type::BF16:
      return run_sign<u16, 0x8000, kClears>;
    case Type::F16X2:
    case Type::BF16X2:
      return run_sign<u32, 0x80008000U, kClears>;
    default:
      return nullptr;
  }
}

enum class Property : u8 { finite, infinite, number, notanumber, normal, subnormal };

template <class T>
bool has_property(T x, Property property) {
  switch (property) {
    case Property::finite:
      return std::isfinite(x);
    case Property::infinite:
      return std::isinf(x);
    case Property::number:
      return !std::isnan(x);
    case Property::notanumber:
      return std::isnan(x);
    case Property::normal:
      return std::isnormal(x);
    case Property::subnormal:
      return std::fpclassify(x) == FP_SUBNORMAL;
  }
  return false;
}

template <class T>
void run_testp(Block& block, const Instruction& i, LaneMask mask) {
  const auto* a = block.row<SlotOf<T>>(i.from[0]);
  LaneMask holds = 0;
  for_lanes(mask,
            [&](unsigned l) { holds |= has_property(get<T>(a[l]), static_cast<Property>(i.mode)) ? 1U << l : 0U; });
  block.set_predicate(i.to, holds, mask);
}

void bind_testp(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.from[0] = s.source(1);
  const Property property = s.has("finite")       ? Property::finite
                            : s.has("infinite")   ? Property::infinite
                            : s.has("number")     ? Property::number
                            : s.has("notanumber") ? Property::notanumber
                            : s.has("normal")     ? Property::normal
                                                  : Property::subnormal;
  i.mode = static_cast<u8>(property);
  i.run = s.type() == Type::F64 ? run_testp<double> : s.type() == Type::F32 ? run_testp<float> : Run{};
}

/// The magnitude of b with the sign of a.
struct CopySign {
  template <class T>
  T operator()(T a, T b) const {
    return std::copysign(b, a);
  }
};

}  // namespace

Rounding rounding_of(const Statement& s) {
  return s.has("rz") ? Rounding::rz : s.has("rm") ? Rounding::rm : s.has("rp") ? Rounding::rp : Rounding::rn;
}

void bind_float(const Statement& s, Instruction& i) {
  const std::string& name = s.mnemonic();
  if (s.has("xorsign") || (size_of(s.type()) == 2 && rounding_of(s) != Rounding::rn)) {
    s.unsupported();
  }
  s.take(i, name == "fma" || name == "mad" ? 3 : 2);
  i.mode = static_cast<u8>((s.has("ftz") ? kFlush : 0) | (s.has("sat") ? kSaturate : 0) | (s.has("NaN") ? kNan : 0) |
                           (s.has("relu") ? kRelu : 0));
  i.rounding = static_cast<u8>(rounding_of(s));
  const bool modified = i.mode != 0 || i.rounding != 0;
  i.run = name == "add"   ? choose<FloatOp::add>(s.type(), modified)
          : name == "sub" ? choose<FloatOp::subtract>(s.type(), modified)
          : name == "mul" ? choose<FloatOp::multiply>(s.type(), modified)
          : name == "div" ? choose<FloatOp::divide>(s.type(), modified)
          : name == "min" ? choose<FloatOp::least>(s.type(), modified)
          : name == "max" ? choose<FloatOp::greatest>(s.type(), modified)
                          : choose<FloatOp::multiply_add>(s.type(), modified);
}

void bind_float_sign(const Statement& s, Instruction& i) {
  s.take(i, 1);
  const bool clears = s.mnemonic() == "abs";
  if (s.has("ftz") && s.type() == Type::F32) {
    i.run = clears ? Run([](Block& block, const Instruction& self, LaneMask mask) {
      map1<float, float>(block, self, mask, [](float x) { return std::fabs(flush(x)); });
    })
                   : Run([](Block& block, const Instruction& self, LaneMask mask) {
                       map1<float, float>(block, self, mask, [](float x) { return -flush(x); });
                     });
  } else {
    i.run = clears ? choose_sign<true>(s.type()) : choose_sign<false>(s.type());
  }
}

void add_float(FamilyTable& table) {
  table["fma"] = bind_float;
  table["testp"] = bind_testp;
  table["copysign"] = [](const Statement& s, Instruction& i) {
    s.take(i, 2);
    i.run = s.type() == Type::F64   ? binary<double>(CopySign{})
            : s.type() == Type::F32 ? binary<float>(CopySign{})
                                    : Run{};
  };
}

}  // namespace bnas::emu
