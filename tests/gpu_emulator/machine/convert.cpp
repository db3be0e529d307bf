// SPDX-License-Identifier: Apache-2.0
// cvt between all integers and floats, and into packed pairs.
#include <cmath>

#include "machine/bind.hpp"
#include "machine/float.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

/// How a conversion rounds: as integers do (rni: to nearest even) or as floats do.
enum class Mode : u8 { plain, rni, rzi, rmi, rpi, rz, rm, rp };

template <class F>
F to_integral(F x, Mode mode) {
  switch (mode) {
    case Mode::rni:
      return std::nearbyint(x);
    case Mode::rmi:
      return std::floor(x);
    case Mode::rpi:
      return std::ceil(x);
    default:
      return std::trunc(x);
  }
}

Rounding float_rounding(Mode mode) {
  return mode == Mode::rz   ? Rounding::rz
         : mode == Mode::rm ? Rounding::rm
         : mode == Mode::rp ? Rounding::rp
                            : Rounding::rn;
}

/// A float or double as a D of fewer bits or the same, rounded once.
template <class D, class F>
D narrow(F x, Mode mode) {
  const Rounding rounding = float_rounding(mode);
  if constexpr (std::is_same_v<D, Half> || std::is_same_v<D, BFloat>) {
    // A double goes by way of a float that is rounded to odd, so that only the second rounding counts.
    const float f = std::is_same_v<F, double> ? odd_sum(x, -0.0) : static_cast<float>(x);
    if constexpr (std::is_same_v<D, Half>) {
      return to_half(f, rounding);
    } else {
      return to_bfloat(f, rounding);
    }
  } else {
    if (rounding == Rounding::rn) {
      return static_cast<D>(x);
    }
    const RoundingScope scope(rounding);
    return opaque(static_cast<D>(opaque(x)));
  }
}

template <class D, class S>
D convert(S from, Mode mode, bool saturates) {
  if constexpr (std::is_integral_v<S> && std::is_integral_v<D>) {
    if (saturates) {
      const s128 low = std::numeric_limits<D>::min();
      const s128 high = std::numeric_limits<D>::max();
      const s128 value = from;
      return static_cast<D>(value < low ? low : value > high ? high : value);
    }
    return static_cast<D>(from);
  } else if constexpr (std::is_integral_v<S>) {
    if constexpr (sizeof(D) == 2) {
      const double exact = static_cast<double>(from);  // 64-bit integers beyond 2^53 are beyond or far within both
      return narrow<D>(exact, mode);
    } else {
      const RoundingScope scope(float_rounding(mode));
      return opaque(static_cast<D>(opaque(from)));
    }
  } else if constexpr (std::is_integral_v<D>) {
    // Values beyond the range become its ends; what is no number becomes zero, or the least 64-bit number.
    auto x = to_float(from);
    using F = decltype(x);
    if (std::isnan(x)) {
      return sizeof(D) == 8 ? static_cast<D>(u64{1} << 63) : D{0};
    }
    x = to_integral(x, mode);
    if (x <= static_cast<F>(std::numeric_limits<D>::min())) {
      return std::numeric_limits<D>::min();
    }
    return x >= static_cast<F>(std::numeric_limits<D>::max()) ? std::numeric_limits<D>::max() : static_cast<D>(x);
  } else {
    auto x = to_float(from);
    if (mode != Mode::plain && mode <= Mode::rpi) {
      x = to_integral(x, mode);
    }
    return narrow<D>(saturates ? saturate(x) : x, mode);
  }
}

/// i.flag: the source register has 64 bits; i.bytes: of the destination register; i.count: saturate, then ReLU, then
/// flush.
constexpr u8 kSaturate = 1;
constexpr u8 kRelu = 2;
constexpr u8 kFlush = 4;

template <class D, class S>
void run_convert(Block& block, const Instruction& i, LaneMask mask) {
  for_lanes(mask, [&](unsigned l) {
    const u64 raw = read_slot(block, i.from[0], i.flag, l);
    S from{};
    std::memcpy(static_cast<void*>(&from), &raw, sizeof from);
    if constexpr (std::is_same_v<S, float>) {
      from = (i.count & kFlush) != 0 ? flush(from) : from;
    }
    if constexpr (std::is_floating_point_v<S>) {
      from = (i.count & kRelu) != 0 && !std::isnan(from) && !(from > 0) ? S{0} : from;
    }
    D value = convert<D>(from, static_cast<Mode>(i.mode), (i.count & kSaturate) != 0);
    if constexpr (std::is_same_v<D, float>) {
      value = (i.count & kFlush) != 0 ? flush(value) : value;
    }
    u64 bits = 0;
    if constexpr (std::is_integral_v<D>) {
      bits = static_cast<u64>(static_cast<std::conditional_t<std::is_signed_v<D>, s64, u64>>(value));
    } else {
      std::memcpy(&bits, &value, sizeof value);
    }
    write_slot(block, i.to, i.bytes == 8, l, i.bytes == 2 ? bits & 0xffffU : bits);
  });
}

/// by_integer and by_float together, with bytes.
template <class F>
Run by_number(Type type, F f) {
  switch (type) {
    case Type::U8:
    case Type::B8:
      return f(u8{});
    case Type::S8:
      return f(s8{});
    default:
      break;
  }
  return is_float(type) ? by_float(type, f) : by_integer(type, f);
}

Run choose(Type to, Type from) {
  return by_number(to, [from](auto d) {
    return by_number(from, [](auto s) -> Run { return run_convert<decltype(d), decltype(s)>; });
  });
}

Mode mode_of(const Statement& s) {
  return s.has("rni")   ? Mode::rni
         : s.has("rzi") ? Mode::rzi
         : s.has("rmi") ? Mode::rmi
         : s.has("rpi") ? Mode::rpi
         : s.has("rz")  ? Mode::rz
         : s.has("rm")  ? Mode::rm
         : s.has("rp")  ? Mode::rp
                        : Mode::plain;
}

/// cvt.f16x2.f32 d, a, b: a becomes the upper half.
template <class T>
void run_pack(Block& block, const Instruction& i, LaneMask mask) {
  map2<u32>(block, i, mask, [&](u32 a, u32 b) {
    const auto part = [&](u32 word) -> u32 {
      float x = std::bit_cast<float>(word);
      x = (i.count & kRelu) != 0 && !std::isnan(x) && !(x > 0) ? 0.0F : x;
      T value = narrow<T>(x, static_cast<Mode>(i.mode));
      if ((i.count & kSaturate) != 0 && !std::isnan(x) && std::isinf(to_float(value))) {
        --value.bits;  // satfinite: the largest number
      }
      return value.bits;
    };
    return part(a) << 16 | part(b);
  });
}

void bind_pack(const Statement& s, Instruction& i) {
  if (s.type() != Type::F32 || s.size() != 3) {
    s.unsupported();
  }
  s.take(i, 2);
  i.mode = static_cast<u8>(mode_of(s));
  i.count = static_cast<u8>((s.has("relu") ? kRelu : 0) | (s.has("satfinite") ? kSaturate : 0));
  i.run = s.other_type() == Type::F16X2 ? run_pack<Half> : run_pack<BFloat>;
}

/// To 10 bits of fraction: nearest with ties away from zero (rna) or to even (rn), or towards zero.
template <Rounding kRounding, bool kTiesAway>
struct ToTf32 {
  u32 operator()(u32 bits) const {
    constexpr u32 kDropped = 0x1fffU;
    if ((bits & 0x7fffffffU) > 0x7f800000U) {
      return 0x7fffffffU;
    }
    const u32 up = kRounding == Rounding::rz ? 0 : kTiesAway ? 0x1000U : 0xfffU + (bits >> 13 & 1U);
    return (bits + up) & ~kDropped;
  }
};

void bind_tf32(const Statement& s, Instruction& i) {
  if (s.type() != Type::F32 || s.has("relu") || s.has("satfinite")) {
    s.unsupported();
  }
  s.take(i, 1);
  i.run = s.has("rna")  ? unary<u32, u32>(ToTf32<Rounding::rn, true>{})
          : s.has("rz") ? unary<u32, u32>(ToTf32<Rounding::rz, false>{})
                        : unary<u32, u32>(ToTf32<Rounding::rn, false>{});
}

bool is_word_or_wide(Type type, int bytes) { return !is_float(type) && size_of(type) == bytes; }

void bind_convert(const Statement& s, Instruction& i) {
  const Type to = s.other_type();
  const Type from = s.type();
  if (to == Type::F16X2 || to == Type::BF16X2) {
    bind_pack(s, i);
    return;
  }
  if (to == Type::TF32) {
    bind_tf32(s, i);
    return;
  }
  if (s.types().size() != 2 || s.words().size() > 6 || s.has("pack") || (s.has("satfinite") && !s.has("relu"))) {
    s.unsupported();
  }
  const Operand& a = s.operand(1);
  i.to = s.target(0);
  i.from[0] = s.loose_source(a, slot_of(a.is_register() ? a.type : from));
  i.flag = slot_of(a.is_register() ? a.type : from) == Slot::wide;
  i.bytes = static_cast<u8>(size_of(s.operand(0).type));
  i.mode = static_cast<u8>(mode_of(s));
  i.count = static_cast<u8>((s.has("sat") ? kSaturate : 0) | (s.has("relu") ? kRelu : 0) | (s.has("ftz") ? kFlush : 0));
  i.run = choose(to, from);
  // The commonest conversions of indices have loops of their own.
  if (i.count != 0) {
    return;
  }
  if (from == Type::U32 && is_word_or_wide(to, 8) && !i.flag && i.bytes == 8) {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      map1<u64, u32>(block, self, mask, [](u32 x) { return u64{x}; });
    };
  } else if (from == Type::S32 && is_word_or_wide(to, 8) && !i.flag && i.bytes == 8) {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      map1<s64, s32>(block, self, mask, [](s32 x) { return s64{x}; });
    };
  } else if (is_word_or_wide(from, 8) && is_word_or_wide(to, 4) && i.flag && i.bytes == 4) {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      map1<u32, u64>(block, self, mask, [](u64 x) { return static_cast<u32>(x); });
    };
  }
}

}  // namespace

void add_convert(FamilyTable& table) { table["cvt"] = bind_convert; }

}  // namespace bnas::emu
