// SPDX-License-Identifier: Apache-2.0
// Moves, address conversions, and instructions that change nothing here.
#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

template <class T>
void run_copy(Block& block, const Instruction& i, LaneMask mask) {
  map1<T, T>(block, i, mask, [](T x) { return x; });
}

Run copy_of(Slot slot) { return slot == Slot::wide ? run_copy<u64> : run_copy<u32>; }

u64 low_bits(u64 value, int bits) { return bits >= 64 ? value : value & ((u64{1} << bits) - 1); }

struct Part {
  int at;
  bool wide;
};

std::vector<Part> parts_of(const Statement& s, const Operand& vector, bool target) {
  std::vector<Part> parts;
  const Slot slot = size_of(s.type()) / static_cast<int>(vector.parts.size()) == 8 ? Slot::wide : Slot::word;
  for (const Operand& o : vector.parts) {
    const bool wide = o.is_register() ? slot_of(o.type) == Slot::wide : slot == Slot::wide;
    parts.push_back({target ? s.target(o) : s.loose_source(o, wide ? Slot::wide : Slot::word), wide});
  }
  return parts;
}

/// mov {a, b, ...}, d and mov d, {a, b, ...}: the first part is the lowest.
void bind_vector_move(const Statement& s, Instruction& i, bool unpack) {
  const Operand& vector = s.operand(unpack ? 0 : 1);
  if (vector.parts.empty() || size_of(s.type()) % static_cast<int>(vector.parts.size()) != 0 ||
      s.slot() == Slot::quad) {
    s.unsupported();
  }
  const std::vector<Part> parts = parts_of(s, vector, unpack);
  const int bits = size_of(s.type()) * 8 / static_cast<int>(parts.size());
  const Part whole{unpack ? s.loose_source(s.operand(1), s.slot()) : s.target(0), s.slot() == Slot::wide};
  if (unpack) {
    set_closure(i, [=](Block& block, const Instruction&, LaneMask mask) {
      for_lanes(mask, [&](unsigned l) {
        u64 value = read_slot(block, whole.at, whole.wide, l);
        for (const Part& part : parts) {
          write_slot(block, part.at, part.wide, l, low_bits(value, bits));
          value = bits >= 64 ? 0 : value >> bits;
        }
      });
    });
  } else {
    set_closure(i, [=](Block& block, const Instruction&, LaneMask mask) {
      for_lanes(mask, [&](unsigned l) {
        u64 value = 0;
        int at = 0;
        for (const Part& part : parts) {
          value |= low_bits(read_slot(block, part.at, part.wide, l), bits) << at;
          at += bits;
        }
        write_slot(block, whole.at, whole.wide, l, value);
      });
    });
  }
}

/// The 128-bit forms: a pair of 64-bit registers into or out of a quad.
void bind_quad_move(const Statement& s, Instruction& i) {
  const bool unpack = s.operand(0).kind == Operand::Kind::vector;
  const Operand& vector = s.operand(unpack ? 0 : 1);
  if (vector.kind != Operand::Kind::vector || vector.parts.size() != 2) {
    s.unsupported();
  }
  const int quad = s.operand(unpack ? 1 : 0).at;
  for (std::size_t k = 0; k < 2; ++k) {
    i.vector[k] = unpack ? s.target(vector.parts[k]) : s.source(vector.parts[k], Slot::wide);
  }
  set_closure(i, [=](Block& block, const Instruction& self, LaneMask mask) {
    for_lanes(mask, [&](unsigned l) {
      for (unsigned k = 0; k < 2; ++k) {
        u64& part = block.row<u64>(self.vector[k])[l];
        u64& half = block.row<u64>(quad)[2 * l + k];
        (unpack ? part : half) = unpack ? half : part;
      }
    });
  });
}

/// Clocks count instructions: they grow, and are the same in every run.
void bind_clock(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.flag = s.slot() == Slot::wide;
  i.mode = s.operand(1).name.ends_with("_hi") ? 1 : 0;
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    const u64 now = self.mode == 1 ? block.clock() >> 32 : block.clock();
    for_lanes(mask, [&](unsigned l) { write_slot(block, self.to, self.flag, l, now); });
  };
}

void bind_move(const Statement& s, Instruction& i) {
  if (s.slot() == Slot::quad) {
    bind_quad_move(s, i);
  } else if (s.operand(0).kind == Operand::Kind::vector) {
    bind_vector_move(s, i, true);
  } else if (s.operand(1).kind == Operand::Kind::vector) {
    bind_vector_move(s, i, false);
  } else if (s.operand(1).kind == Operand::Kind::special && is_clock(s.operand(1).name)) {
    bind_clock(s, i);
  } else {
    i.to = s.target(0);
    i.from[0] = s.loose_source(s.operand(1), s.slot());
    i.run = s.type() == Type::PRED ? Run([](Block& block, const Instruction& self, LaneMask mask) {
      block.set_predicate(self.to, block.predicate(self.from[0]), mask);
    })
                                   : copy_of(s.slot());
  }
}

u64 window_of(const Statement& s) {
  if (s.has("shared") || s.has("shared::cta") || s.has("shared::cluster")) {
    return kSharedWindow;
  }
  return s.has("local") ? kLocalWindow : s.has("param") || s.has("param::entry") ? kParameterWindow : 0;
}

void bind_address_conversion(const Statement& s, Instruction& i) {
  s.take(i, 1);
  i.immediate = static_cast<s64>(window_of(s));
  if (i.immediate == 0) {
    i.run = copy_of(s.slot());
  } else if (s.slot() != Slot::wide) {
    s.unsupported();
  } else if (s.has("to")) {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      map1<u64, u64>(block, self, mask, [](u64 x) { return x & ~kWindowMask; });
    };
  } else {
    i.run = [](Block& block, const Instruction& self, LaneMask mask) {
      map1<u64, u64>(block, self, mask, [w = static_cast<u64>(self.immediate)](u64 x) { return x | w; });
    };
  }
}

void bind_is_space(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.from[0] = s.source(1, Slot::wide);
  i.immediate = static_cast<s64>(window_of(s));
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    const u64* a = block.row<u64>(self.from[0]);
    LaneMask within = 0;
    for_lanes(mask,
              [&](unsigned l) { within |= (a[l] & kWindowMask) == static_cast<u64>(self.immediate) ? 1U << l : 0U; });
    block.set_predicate(self.to, within, mask);
  };
}

/// Fences: memory is coherent at all times. Hints, waits and launch dependencies: nothing depends on them.
void bind_nothing(const Statement& s, Instruction& i) {
  if (s.has("bulk") || s.has("mbarrier_init")) {
    s.unsupported();
  }
  i.run = [](Block&, const Instruction&, LaneMask) {};
}

void bind_policy(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    for_lanes(mask, [&](unsigned l) { block.row<u64>(self.to)[l] = 0; });
  };
}

}  // namespace

void add_move(FamilyTable& table) {
  table["mov"] = bind_move;
  table["cvta"] = bind_address_conversion;
  table["isspacep"] = bind_is_space;
  table["createpolicy"] = bind_policy;
  for (const char* name : {"membar", "fence", "nanosleep", "prefetch", "prefetchu", "discard", "griddepcontrol",
                           "pmevent", "applypriority"}) {
    table[name] = bind_nothing;
  }
}

}  // namespace bnas::emu
