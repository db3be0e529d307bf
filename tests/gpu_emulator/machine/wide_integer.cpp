// SPDX-License-Identifier: Apache-2.0
// Integer arithmetic across widths: wide products, carries, 24-bit products, dot products of bytes.
#include "machine/bind.hpp"
#include "machine/integer.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

template <class T, bool kAdds>
void multiply_wide(Block& block, const Instruction& i, LaneMask mask) {
  using Wide = Doubled<T>;
  using Unsigned = std::make_unsigned_t<Wide>;
  auto* to = block.row<SlotOf<Wide>>(i.to);
  const auto* a = block.row<SlotOf<T>>(i.from[0]);
  const auto* b = block.row<SlotOf<T>>(i.from[1]);
  const auto* c = kAdds ? block.row<SlotOf<Wide>>(i.from[2]) : nullptr;
  map_lanes(mask, [=](unsigned l) {
    const Wide product = static_cast<Wide>(get<T>(a[l])) * static_cast<Wide>(get<T>(b[l]));
    if constexpr (kAdds) {
      to[l] = put<Wide>(static_cast<Wide>(static_cast<Unsigned>(product) + static_cast<Unsigned>(get<Wide>(c[l]))));
    } else {
      to[l] = put<Wide>(product);
    }
  });
}

template <class T>
Run wide_run(bool adds) {
  return adds ? multiply_wide<T, true> : multiply_wide<T, false>;
}

/// One step of a chain: sum = a + b + carry, or a - b - carry, or (low or high half of a * b) + c + carry.
struct CarryStep {
  bool carry_in;
  bool carry_out;
  bool subtracts;
  bool multiplies;
  bool high;
  bool is_signed;
  bool wide;
  int carry;
};

u64 product_half(const CarryStep& step, u64 a, u64 b) {
  if (!step.wide) {
    const u64 product = step.is_signed ? static_cast<u64>(s64{static_cast<s32>(a)} * static_cast<s32>(b))
                                       : static_cast<u64>(static_cast<u32>(a)) * static_cast<u32>(b);
    return step.high ? product >> 32 : static_cast<u32>(product);
  }
  const u128 product = step.is_signed ? static_cast<u128>(static_cast<s128>(static_cast<s64>(a)) * static_cast<s64>(b))
                                      : static_cast<u128>(a) * b;
  return static_cast<u64>(step.high ? product >> 64 : product);
}

void run_carry(const CarryStep& step, Block& block, const Instruction& i, LaneMask mask) {
  u32* carry = block.row<u32>(step.carry);
  for_lanes(mask, [&](unsigned l) {
    u64 a = read_slot(block, i.from[0], step.wide, l);
    u64 b = read_slot(block, i.from[1], step.wide, l);
    if (step.multiplies) {
      a = product_half(step, a, b);
      b = read_slot(block, i.from[2], step.wide, l);
    }
    const u64 in = step.carry_in ? carry[l] : 0;
    const u128 sum = step.subtracts ? static_cast<u128>(a) - b - in : static_cast<u128>(a) + b + in;
    write_slot(block, i.to, step.wide, l, static_cast<u64>(sum));
    if (step.carry_out) {
      // A borrow shows in every bit above the result, a carry in the next one.
      carry[l] = static_cast<u32>(sum >> (step.wide ? 64 : 32)) & 1U;
    }
  });
}

struct Product24 {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<u32>(static_cast<T>(static_cast<u32>(a) << 8) >> 8) *
                          static_cast<u32>(static_cast<T>(static_cast<u32>(b) << 8) >> 8));
  }
};
struct ProductSum24 {
  template <class T>
  T operator()(T a, T b, T c) const {
    return static_cast<T>(static_cast<u32>(Product24{}(a, b)) + static_cast<u32>(c));
  }
};

void bind_24(const Statement& s, Instruction& i) {
  const bool adds = s.mnemonic() == "mad24";
  s.take(i, adds ? 3 : 2);
  if (s.has("hi") || s.has("sat")) {
    s.unsupported();
  }
  if (s.type() == Type::S32) {
    i.run = adds ? ternary<s32>(ProductSum24{}) : binary<s32>(Product24{});
  } else {
    i.run = adds ? ternary<u32>(ProductSum24{}) : binary<u32>(Product24{});
  }
}

s32 part(u32 word, unsigned index, unsigned bits, bool is_signed) {
  const u32 shifted = word << (32 - bits * (index + 1));
  return is_signed ? static_cast<s32>(shifted) >> (32 - bits) : static_cast<s32>(shifted >> (32 - bits));
}

/// d = c + the sum of products of the parts of a (4 bytes, or 2 halves) and the bytes of b.
void bind_dot(const Statement& s, Instruction& i) {
  if (s.size() != 4 || s.types().size() != 2) {
    s.unsupported();
  }
  i.to = s.target(0);
  for (std::size_t k = 0; k < 3; ++k) {
    i.from[k] = s.source(k + 1, Slot::word);
  }
  const bool halves = s.mnemonic() == "dp2a";
  const unsigned first = halves && s.has("hi") ? 2 : 0;
  const bool signed_a = is_signed(s.types()[0]);
  const bool signed_b = is_signed(s.types()[1]);
  set_closure(i, [=](Block& block, const Instruction& self, LaneMask mask) {
    const u32* a = block.row<u32>(self.from[0]);
    const u32* b = block.row<u32>(self.from[1]);
    const u32* c = block.row<u32>(self.from[2]);
    u32* to = block.row<u32>(self.to);
    for_lanes(mask, [&](unsigned l) {
      u32 sum = c[l];
      for (unsigned k = 0; k < (halves ? 2U : 4U); ++k) {
        sum += static_cast<u32>(part(a[l], k, halves ? 16 : 8, signed_a) * part(b[l], first + k, 8, signed_b));
      }
      to[l] = sum;
    });
  });
}

}  // namespace

void bind_wide_multiply(const Statement& s, Instruction& i) {
  const bool adds = s.mnemonic() == "mad";
  const Slot slot = s.slot();
  i.to = s.target(0);
  i.from[0] = s.source(1, slot);
  i.from[1] = s.source(2, slot);
  if (adds) {
    i.from[2] = s.source(3, size_of(s.type()) == 2 ? Slot::word : Slot::wide);
  }
  switch (s.type()) {
    case Type::U16:
      i.run = wide_run<u16>(adds);
      break;
    case Type::S16:
      i.run = wide_run<s16>(adds);
      break;
    case Type::U32:
      i.run = wide_run<u32>(adds);
      break;
    case Type::S32:
      i.run = wide_run<s32>(adds);
      break;
    default:
      s.unsupported();
  }
}

void bind_carry(const Statement& s, Instruction& i) {
  const std::string& name = s.mnemonic();
  CarryStep step{};
  step.multiplies = name == "mad" || name == "madc";
  step.carry_in = name == "addc" || name == "subc" || name == "madc";
  step.carry_out = s.has("cc");
  step.subtracts = name == "sub" || name == "subc";
  step.high = s.has("hi");
  step.is_signed = is_signed(s.type());
  step.wide = s.slot() == Slot::wide;
  step.carry = s.registers().special("$carry", Slot::word);
  s.take(i, step.multiplies ? 3 : 2);
  if (size_of(s.type()) < 4) {
    s.unsupported();
  }
  set_closure(i, [step](Block& block, const Instruction& self, LaneMask mask) { run_carry(step, block, self, mask); });
}

void add_wide_integer(FamilyTable& table) {
  table["addc"] = bind_carry;
  table["subc"] = bind_carry;
  table["madc"] = bind_carry;
  table["mul24"] = bind_24;
  table["mad24"] = bind_24;
  table["dp4a"] = bind_dot;
  table["dp2a"] = bind_dot;
}

}  // namespace bnas::emu
