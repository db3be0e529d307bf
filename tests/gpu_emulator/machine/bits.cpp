// SPDX-License-Identifier: Apache-2.0
// Logic, shifts and bit fields.
#include <algorithm>

#include "machine/bind.hpp"
#include "machine/bits.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

struct And {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a ^ b);
  }
};
struct Not {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(~a);
  }
};
struct IsZero {
  template <class T>
  T operator()(T a) const {
    return a == 0 ? 1 : 0;
  }
};

template <class F>
void bind_logic(const Statement& s, Instruction& i) {
  s.take(i, 2);
  if (s.type() == Type::PRED) {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      block.set_predicate(self.to, F{}(block.predicate(self.from[0]), block.predicate(self.from[1])), mask);
    };
  } else {
    i.run = by_integer(s.type(), [](auto zero) { return binary<decltype(zero)>(F{}); });
  }
}

template <class F>
void bind_complement(const Statement& s, Instruction& i) {
  s.take(i, 1);
  if (s.type() == Type::PRED) {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      block.set_predicate(self.to, ~block.predicate(self.from[0]), mask);
    };
  } else {
    i.run = by_integer(s.type(), [](auto zero) { return unary<decltype(zero), decltype(zero)>(F{}); });
  }
}

/// Amounts beyond the width shift everything out; right shifts of signed values fill with the sign.
template <class T, bool kLeft>
void shift(Block& block, const Instruction& i, LaneMask mask) {
  constexpr u32 kBits = sizeof(T) * 8;
  auto* to = block.row<SlotOf<T>>(i.to);
  const auto* a = block.row<SlotOf<T>>(i.from[0]);
  const u32* amount = block.row<u32>(i.from[1]);
  map_lanes(mask, [=](unsigned l) {
    const T value = get<T>(a[l]);
    const u32 within = std::min(amount[l], kBits - 1);
    if constexpr (kLeft) {
      to[l] = put<T>(amount[l] < kBits ? static_cast<T>(value << within) : T{0});
    } else {
      to[l] = put<T>(amount[l] < kBits || std::is_signed_v<T> ? static_cast<T>(value >> within) : T{0});
    }
  });
}

void bind_shift(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.from[0] = s.source(1);
  i.from[1] = s.source(2, Slot::word);
  if (s.mnemonic() == "shl") {
    i.run = by_integer(s.type(), [](auto zero) -> Run { return shift<std::make_unsigned_t<decltype(zero)>, true>; });
  } else {
    i.run = by_integer(s.type(), [](auto zero) -> Run { return shift<decltype(zero), false>; });
  }
}

/// shf: the high (left) or low (right) word of the pair b:a shifted.
template <bool kLeft, bool kWrap>
struct FunnelShift {
  u32 operator()(u32 a, u32 b, u32 c) const {
    const u32 n = kWrap ? c & 31U : std::min(c, 32U);
    const u64 pair = static_cast<u64>(b) << 32 | a;
    return static_cast<u32>(pair >> (kLeft ? 32 - n : n));
  }
};

void bind_funnel(const Statement& s, Instruction& i) {
  s.take(i, 3);
  if (s.has("l")) {
    i.run = s.has("wrap") ? ternary<u32>(FunnelShift<true, true>{}) : ternary<u32>(FunnelShift<true, false>{});
  } else {
    i.run = s.has("wrap") ? ternary<u32>(FunnelShift<false, true>{}) : ternary<u32>(FunnelShift<false, false>{});
  }
}

/// Bit k of the table is the result where the bits of a, b, c form the number k.
u32 lut3(u32 a, u32 b, u32 c, u32 table) {
  const auto all = [table](unsigned k) { return 0U - (table >> k & 1U); };
  const u32 where_a_clear = (all(0) & ~b & ~c) | (all(1) & ~b & c) | (all(2) & b & ~c) | (all(3) & b & c);
  const u32 where_a_set = (all(4) & ~b & ~c) | (all(5) & ~b & c) | (all(6) & b & ~c) | (all(7) & b & c);
  return (~a & where_a_clear) | (a & where_a_set);
}

struct Xor3 {
  u32 operator()(u32 a, u32 b, u32 c) const { return a ^ b ^ c; }
};
struct AndXor {
  u32 operator()(u32 a, u32 b, u32 c) const { return (a ^ b) & c; }
};

void bind_lop3(const Statement& s, Instruction& i) {
  const bool to_predicate = s.has("or") || s.has("and");
  if (s.type() != Type::B32 || s.size() != (to_predicate ? 6U : 5U)) {
    s.unsupported();
  }
  i.to = s.target(0);
  for (std::size_t k = 0; k < 3; ++k) {
    i.from[k] = s.source(k + 1, Slot::word);
  }
  i.immediate = static_cast<s64>(s.number(4) & 255U);
  if (to_predicate) {  // d|p: p is whether any bit of d is set, combined with q
    i.to_second = s.second_target(0);
    i.from[3] = s.source(5, Slot::predicate);
    i.flag = s.has("and");
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      const auto table = static_cast<u32>(self.immediate);
      const LaneMask q = block.predicate(self.from[3]);
      LaneMask any = 0;
      map3<u32>(block, self, mask, [=](u32 a, u32 b, u32 c) { return lut3(a, b, c, table); });
      for_lanes(mask, [&](unsigned l) { any |= block.row<u32>(self.to)[l] != 0 ? 1U << l : 0U; });
      block.set_predicate(self.to_second, self.flag ? any & q : any | q, mask);
    };
  } else if (i.immediate == 0x96) {
    i.run = ternary<u32>(Xor3{});
  } else if (i.immediate == 0x28) {
    i.run = ternary<u32>(AndXor{});
  } else {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      const auto table = static_cast<u32>(self.immediate);
      map3<u32>(block, self, mask, [=](u32 a, u32 b, u32 c) { return lut3(a, b, c, table); });
    };
  }
}

enum PermuteMode : u8 { kIndex, kForward4, kBackward4, kReplicate8, kClampLeft, kClampRight, kReplicate16 };

u32 permute(u32 a, u32 b, u32 selector, u8 mode) {
  const u64 pair = static_cast<u64>(b) << 32 | a;
  const int control = static_cast<int>(selector & 3U);
  u32 result = 0;
  for (int k = 0; k < 4; ++k) {
    int from = 0;
    bool sign = false;
    switch (mode) {
      case kIndex:
        from = static_cast<int>(selector >> (4 * k) & 7U);
        sign = (selector >> (4 * k) & 8U) != 0;
        break;
      case kForward4:
        from = (control + k) & 7;
        break;
      case kBackward4:
        from = (control - k) & 7;
        break;
      case kReplicate8:
        from = control;
        break;
      case kClampLeft:
        from = std::max(k, control);
        break;
      case kClampRight:
        from = std::min(k, control);
        break;
      default:
        from = (control & 1) * 2 + (k & 1);
        break;
    }
    u32 byte = static_cast<u32>(pair >> (8 * from) & 255U);
    if (sign) {
      byte = (byte & 128U) != 0 ? 255 : 0;
    }
    result |= byte << (8 * k);
  }
  return result;
}

void bind_permute(const Statement& s, Instruction& i) {
  s.take(i, 3);
  i.mode = s.has("f4e")    ? kForward4
           : s.has("b4e")  ? kBackward4
           : s.has("rc8")  ? kReplicate8
           : s.has("ecl")  ? kClampLeft
           : s.has("ecr")  ? kClampRight
           : s.has("rc16") ? kReplicate16
                           : kIndex;
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    map3<u32>(block, self, mask, [mode = self.mode](u32 a, u32 b, u32 c) { return permute(a, b, c, mode); });
  };
}

struct CountOnes {
  u32 operator()(u32 x) const { return count_ones(x); }
  u32 operator()(u64 x) const { return count_ones(static_cast<u32>(x)) + count_ones(static_cast<u32>(x >> 32)); }
};
struct LeadingZeros {
  template <class T>
  u32 operator()(T x) const {
    return static_cast<u32>(std::countl_zero(x));
  }
};
/// The position of the highest bit that differs from the sign, or its distance from the top; all ones for none.
template <bool kShiftAmount>
struct FindHighest {
  template <class T>
  u32 operator()(T x) const {
    using U = std::make_unsigned_t<T>;
    const U bits = x < 0 ? static_cast<U>(~x) : static_cast<U>(x);
    if (bits == 0) {
      return 0xffffffffU;
    }
    const auto zeros = static_cast<u32>(std::countl_zero(bits));
    return kShiftAmount ? zeros : static_cast<u32>(sizeof(T) * 8 - 1) - zeros;
  }
};
struct Reverse {
  u32 operator()(u32 x) const {
    x = (x >> 1 & 0x55555555U) | (x & 0x55555555U) << 1;
    x = (x >> 2 & 0x33333333U) | (x & 0x33333333U) << 2;
    x = (x >> 4 & 0x0f0f0f0fU) | (x & 0x0f0f0f0fU) << 4;
    return __builtin_bswap32(x);
  }
  u64 operator()(u64 x) const {
    return static_cast<u64>((*this)(static_cast<u32>(x))) << 32 | (*this)(static_cast<u32>(x >> 32));
  }
};

/// popc, clz and bfind: the result has 32 bits whatever the width of the source.
template <class F32, class F64>
void bind_scan(const Statement& s, Instruction& i, F32 narrow, F64 wide) {
  i.to = s.target(0);
  i.from[0] = s.source(1);
  i.run = s.slot() == Slot::wide ? wide() : narrow();
}

void bind_find_highest(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.from[0] = s.source(1);
  const auto choose = [&](auto f) -> Run {
    using F = decltype(f);
    switch (s.type()) {
      case Type::U32:
        return unary<u32, u32>(F{});
      case Type::S32:
        return unary<u32, s32>(F{});
      case Type::U64:
        return unary<u32, u64>(F{});
      case Type::S64:
        return unary<u32, s64>(F{});
      default:
        return nullptr;
    }
  };
  i.run = s.has("shiftamt") ? choose(FindHighest<true>{}) : choose(FindHighest<false>{});
}

u64 low_ones(u32 count) { return count >= 64 ? ~u64{0} : (u64{1} << count) - 1; }

/// bfe: bits position .. position + length - 1 of a; where signed, filled up with the last of them.
u64 extract(u64 a, u32 position, u32 length, int bits, bool is_signed) {
  const auto width = static_cast<u32>(bits);
  const u64 field = position >= width ? 0 : (a & low_ones(width)) >> position & low_ones(length);
  if (!is_signed || length == 0) {
    return field;
  }
  const bool negative = (a >> std::min(position + length - 1, width - 1) & 1U) != 0;
  const u32 held = position >= width ? 0 : std::min(length, width - position);
  return negative ? field | ~low_ones(held) : field;
}

void bind_extract(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.from = {s.source(1), s.source(2, Slot::word), s.source(3, Slot::word), -1};
  i.flag = is_signed(s.type());
  i.bytes = static_cast<u8>(size_of(s.type()));
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    const bool wide = self.bytes == 8;
    const u32* position = block.row<u32>(self.from[1]);
    const u32* length = block.row<u32>(self.from[2]);
    for_lanes(mask, [&](unsigned l) {
      const u64 a = read_slot(block, self.from[0], wide, l);
      write_slot(block, self.to, wide, l, extract(a, position[l] & 255U, length[l] & 255U, self.bytes * 8, self.flag));
    });
  };
}

/// bfi: b with bits position .. position + length - 1 replaced by the low bits of a.
void bind_insert(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.from = {s.source(1), s.source(2), s.source(3, Slot::word), s.source(4, Slot::word)};
  i.flag = s.slot() == Slot::wide;
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    const u32* position = block.row<u32>(self.from[2]);
    const u32* length = block.row<u32>(self.from[3]);
    for_lanes(mask, [&](unsigned l) {
      const u64 a = read_slot(block, self.from[0], self.flag, l);
      const u64 b = read_slot(block, self.from[1], self.flag, l);
      const u32 at = position[l] & 255U;
      const u64 field = at >= 64 ? 0 : low_ones(length[l] & 255U) << at;
      write_slot(block, self.to, self.flag, l, (b & ~field) | ((at >= 64 ? 0 : a << at) & field));
    });
  };
}

template <bool kWrap>
struct BitMask {
  u32 operator()(u32 at, u32 length) const {
    if (kWrap) {
      at &= 31U;
      length &= 31U;
    }
    return at >= 32 ? 0 : static_cast<u32>(low_ones(std::min(length, 32U)) << at);
  }
};

/// szext: the low b bits of a, extended by their sign or by zeros.
template <bool kSigned, bool kWrap>
struct Extend {
  u32 operator()(u32 a, u32 b) const {
    const u32 bits = kWrap ? b & 31U : b;
    if (bits == 0 || bits >= 32) {
      return bits == 0 ? 0 : a;
    }
    const u32 up = a << (32 - bits);
    return kSigned ? static_cast<u32>(static_cast<s32>(up) >> (32 - bits)) : up >> (32 - bits);
  }
};

void bind_extend(const Statement& s, Instruction& i) {
  s.take(i, 2);
  if (s.type() == Type::S32) {
    i.run = s.has("wrap") ? binary<u32>(Extend<true, true>{}) : binary<u32>(Extend<true, false>{});
  } else {
    i.run = s.has("wrap") ? binary<u32>(Extend<false, true>{}) : binary<u32>(Extend<false, false>{});
  }
}

}  // namespace

void add_bits(FamilyTable& table) {
  table["and"] = bind_logic<And>;
  table["or"] = bind_logic<Or>;
  table["xor"] = bind_logic<Xor>;
  table["not"] = bind_complement<Not>;
  table["cnot"] = bind_complement<IsZero>;
  table["shl"] = bind_shift;
  table["shr"] = bind_shift;
  table["shf"] = bind_funnel;
  table["lop3"] = bind_lop3;
  table["prmt"] = bind_permute;
  table["popc"] = [](const Statement& s, Instruction& i) {
    bind_scan(
        s, i, [] { return unary<u32, u32>(CountOnes{}); }, [] { return unary<u32, u64>(CountOnes{}); });
  };
  table["clz"] = [](const Statement& s, Instruction& i) {
    bind_scan(
        s, i, [] { return unary<u32, u32>(LeadingZeros{}); }, [] { return unary<u32, u64>(LeadingZeros{}); });
  };
  table["bfind"] = bind_find_highest;
  table["brev"] = [](const Statement& s, Instruction& i) {
    s.take(i, 1);
    i.run = s.slot() == Slot::wide ? unary<u64, u64>(Reverse{}) : unary<u32, u32>(Reverse{});
  };
  table["bfe"] = bind_extract;
  table["bfi"] = bind_insert;
  table["bmsk"] = [](const Statement& s, Instruction& i) {
    s.take(i, 2);
    i.run = s.has("wrap") ? binary<u32>(BitMask<true>{}) : binary<u32>(BitMask<false>{});
  };
  table["szext"] = bind_extend;
}

}  // namespace bnas::emu
