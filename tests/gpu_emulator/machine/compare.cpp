// SPDX-License-Identifier: Apache-2.0
// Comparisons and selections.
#include <cmath>

#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

/// Ordered comparisons are false where an operand is no number, unordered ones true.
enum class Comparison : u8 { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };

template <Comparison kHow, class T>
bool holds(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    const bool unordered = std::isnan(a) || std::isnan(b);
    if constexpr (kHow == Comparison::num || kHow == Comparison::nan) {
      return unordered == (kHow == Comparison::nan);
    }
    if (unordered) {
      return kHow >= Comparison::equ;
    }
  }
  switch (kHow) {
    case Comparison::eq:
    case Comparison::equ:
      return a == b;
    case Comparison::ne:
    case Comparison::neu:
      return a != b;
    case Comparison::lt:
    case Comparison::ltu:
      return a < b;
    case Comparison::le:
    case Comparison::leu:
      return a <= b;
    case Comparison::gt:
    case Comparison::gtu:
      return a > b;
    default:
      return a >= b;
  }
}

template <Comparison kHow, class T>
LaneMask compare(Block& block, const Instruction& i) {
  const auto* a = block.row<SlotOf<T>>(i.from[0]);
  const auto* b = block.row<SlotOf<T>>(i.from[1]);
  LaneMask result = 0;
  for (unsigned l = 0; l < 32; ++l) {
    bool yes = false;
    if constexpr (std::is_integral_v<T>) {
      yes = holds<kHow>(get<T>(a[l]), get<T>(b[l]));
    } else {
      yes = holds<kHow>(to_float(get<T>(a[l])), to_float(get<T>(b[l])));
    }
    result |= static_cast<LaneMask>(yes) << l;
  }
  return result;
}

enum Combination : u8 { kAlone, kAnd, kOr, kXor };

LaneMask combine(LaneMask a, LaneMask b, u8 how) { return how == kAnd ? a & b : how == kOr ? a | b : a ^ b; }

template <Comparison kHow, class T>
void run_setp(Block& block, const Instruction& i, LaneMask mask) {
  LaneMask yes = compare<kHow, T>(block, i);
  LaneMask no = ~yes;
  if (i.mode != kAlone) {
    const LaneMask other = block.predicate(i.from[2]);
    yes = combine(yes, other, i.mode);
    no = combine(no, other, i.mode);
  }
  block.set_predicate(i.to, yes, mask);
  block.set_predicate(i.to_second, no, mask);
}

/// set: all ones or 1.0 for yes, zero for no.
template <Comparison kHow, class T>
void run_set(Block& block, const Instruction& i, LaneMask mask) {
  LaneMask yes = compare<kHow, T>(block, i);
  if (i.mode != kAlone) {
    yes = combine(yes, block.predicate(i.from[2]), i.mode);
  }
  u32* to = block.row<u32>(i.to);
  const auto value = static_cast<u32>(i.immediate);
  for_lanes(mask, [&](unsigned l) { to[l] = (yes >> l & 1U) != 0 ? value : 0; });
}

template <class T>
Run choose(Comparison how, bool set) {
  const auto run = [set]<Comparison kHow>() -> Run { return set ? run_set<kHow, T> : run_setp<kHow, T>; };
  switch (how) {
    case Comparison::eq:
      return run.template operator()<Comparison::eq>();
    case Comparison::ne:
      return run.template operator()<Comparison::ne>();
    case Comparison::lt:
      return run.template operator()<Comparison::lt>();
    case Comparison::le:
      return run.template operator()<Comparison::le>();
    case Comparison::gt:
      return run.template operator()<Comparison::gt>();
    case Comparison::ge:
      return run.template operator()<Comparison::ge>();
    default:
      break;
  }
  if constexpr (!std::is_integral_v<T>) {
    switch (how) {
      case Comparison::equ:
        return run.template operator()<Comparison::equ>();
      case Comparison::neu:
        return run.template operator()<Comparison::neu>();
      case Comparison::ltu:
        return run.template operator()<Comparison::ltu>();
      case Comparison::leu:
        return run.template operator()<Comparison::leu>();
      case Comparison::gtu:
        return run.template operator()<Comparison::gtu>();
      case Comparison::geu:
        return run.template operator()<Comparison::geu>();
      case Comparison::num:
        return run.template operator()<Comparison::num>();
      case Comparison::nan:
        return run.template operator()<Comparison::nan>();
      default:
        break;
    }
  }
  return nullptr;
}

Comparison comparison_of(const Statement& s) {
  static const std::unordered_map<std::string, Comparison> kNames = {
      {"eq", Comparison::eq},   {"ne", Comparison::ne},   {"lt", Comparison::lt},   {"le", Comparison::le},
      {"gt", Comparison::gt},   {"ge", Comparison::ge},   {"lo", Comparison::lt},   {"ls", Comparison::le},
      {"hi", Comparison::gt},   {"hs", Comparison::ge},   {"equ", Comparison::equ}, {"neu", Comparison::neu},
      {"ltu", Comparison::ltu}, {"leu", Comparison::leu}, {"gtu", Comparison::gtu}, {"geu", Comparison::geu},
      {"num", Comparison::num}, {"nan", Comparison::nan},
  };
  for (std::size_t k = 1; k < s.words().size(); ++k) {
    if (const auto it = kNames.find(s.words()[k]); it != kNames.end()) {
      return it->second;
    }
  }
  s.unsupported("it names no comparison");
}

void bind_compare(const Statement& s, Instruction& i) {
  const bool set = s.mnemonic() == "set";
  const Comparison how = comparison_of(s);
  i.mode = s.has("and") ? kAnd : s.has("or") ? kOr : s.has("xor") ? kXor : kAlone;
  if (s.size() != (i.mode == kAlone ? 3U : 4U)) {
    s.unsupported("the number of operands");
  }
  i.to = s.target(0);
  i.from[0] = s.source(1);
  i.from[1] = s.source(2);
  if (i.mode != kAlone) {
    i.from[2] = s.source(3, Slot::predicate);
  }
  if (set) {
    const Type result = s.other_type();
    if (result != Type::U32 && result != Type::S32 && result != Type::F32) {
      s.unsupported();
    }
    i.immediate = result == Type::F32 ? 0x3f800000 : 0xffffffff;
  } else {
    i.to_second = s.second_target(0);
  }
  const auto chosen = [&](auto zero) { return choose<decltype(zero)>(how, set); };
  i.run = is_float(s.type()) ? by_float(s.type(), chosen) : by_integer(s.type(), chosen);
}

template <class T>
void run_select(Block& block, const Instruction& i, LaneMask mask) {
  const LaneMask yes = block.predicate(i.from[2]);
  T* to = block.row<T>(i.to);
  const T* a = block.row<T>(i.from[0]);
  const T* b = block.row<T>(i.from[1]);
  map_lanes(mask, [=](unsigned l) { to[l] = (yes >> l & 1U) != 0 ? a[l] : b[l]; });
}

void bind_select(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.from[0] = s.source(1);
  i.from[1] = s.source(2);
  i.from[2] = s.source(3, Slot::predicate);
  i.run = s.slot() == Slot::wide ? run_select<u64> : run_select<u32>;
}

/// slct: a where c >= 0, else b. A c that is no number selects b.
void bind_select_by_sign(const Statement& s, Instruction& i) {
  const Slot slot = slot_of(s.other_type());
  i.to = s.target(0);
  i.from[0] = s.source(s.operand(1), slot);
  i.from[1] = s.source(s.operand(2), slot);
  i.from[2] = s.source(s.operand(3), Slot::word);
  i.flag = slot == Slot::wide;
  i.mode = s.type() == Type::F32 ? 1 : 0;
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    const u32* c = block.row<u32>(self.from[2]);
    for_lanes(mask, [&](unsigned l) {
      const bool first = self.mode == 1 ? get<float>(c[l]) >= 0.0F : get<s32>(c[l]) >= 0;
      write_slot(block, self.to, self.flag, l, read_slot(block, self.from[first ? 0 : 1], self.flag, l));
    });
  };
}

}  // namespace

void add_compare(FamilyTable& table) {
  table["setp"] = bind_compare;
  table["set"] = bind_compare;
  table["selp"] = bind_select;
  table["slct"] = bind_select_by_sign;
}

}  // namespace bnas::emu
