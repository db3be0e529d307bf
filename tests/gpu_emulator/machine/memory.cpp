// SPDX-License-Identifier: Apache-2.0
// Loads and stores of one to eight elements per lane.
#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

template <int kBytes>
using Element = std::conditional_t<kBytes == 8, u64,
                                   std::conditional_t<kBytes == 4, u32, std::conditional_t<kBytes == 2, u16, u8>>>;

Access access_of(const Instruction& i, bool write) {
  Access access;
  access.bytes = i.bytes * i.count;
  access.write = write;
  access.strong = i.mode == 1;
  return access;
}

/// i.vector: registers, -1 for values that are dropped; i.vector_bytes: their sizes; i.flag: elements are signed.
template <int kBytes>
void run_load(Block& block, const Instruction& i, LaneMask mask) {
  using E = Element<kBytes>;
  LanePointers from;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  block.resolve(i.address, mask, access_of(i, false), from);
  for (unsigned k = 0; k < i.count; ++k) {
    const int at = i.vector[k];
    if (at < 0) {
      continue;
    }
    const u8 bytes = i.vector_bytes[k];
    if (bytes == kBytes && kBytes >= 4) {
      E* to = block.row<E>(at);
      for_lanes(mask, [&](unsigned l) { std::memcpy(to + l, from[l] + k * kBytes, kBytes); });
      continue;
    }
    for_lanes(mask, [&](unsigned l) {
      E element;
      std::memcpy(&element, from[l] + k * kBytes, kBytes);
      const u64 value = i.flag ? static_cast<u64>(s64{static_cast<std::make_signed_t<E>>(element)}) : u64{element};
      write_slot(block, at, bytes == 8, l, bytes == 2 ? value & 0xffffU : value);
    });
  }
}

template <int kBytes>
void run_store(Block& block, const Instruction& i, LaneMask mask) {
  LanePointers to;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  block.resolve(i.address, mask, access_of(i, true), to);
  for (unsigned k = 0; k < i.count; ++k) {
    const bool wide = i.vector_bytes[k] == 8;
    for_lanes(mask, [&](unsigned l) {
      const u64 value = read_slot(block, i.vector[k], wide, l);
      std::memcpy(to[l] + k * kBytes, &value, kBytes);
    });
  }
}

Run choose(int bytes, bool load) {
  switch (bytes) {
    case 1:
      return load ? run_load<1> : run_store<1>;
    case 2:
      return load ? run_load<2> : run_store<2>;
    case 4:
      return load ? run_load<4> : run_store<4>;
    case 8:
      return load ? run_load<8> : run_store<8>;
    default:
      return nullptr;
  }
}

/// What loads and stores have in common; `vector` is their register operand.
void bind_access(const Statement& s, Instruction& i, std::size_t memory, const Operand& vector, bool load) {
  i.count = s.has("v8") ? 8 : s.has("v4") ? 4 : s.has("v2") ? 2 : 1;
  i.bytes = static_cast<u8>(size_of(s.type()));
  i.flag = is_signed(s.type());
  i.mode = s.has("volatile") || s.has("relaxed") || s.has("acquire") || s.has("release") || s.has("mmio") ? 1 : 0;
  i.address = s.address(memory, s.space(memory));
  if (s.type() == Type::B128 || s.has("shared::cluster") || i.bytes * i.count > 32 ||
      (i.count > 1 && vector.parts.size() != i.count)) {
    s.unsupported();
  }
  for (std::size_t k = 0; k < i.count; ++k) {
    const Operand& o = i.count > 1 ? vector.parts[k] : vector;
    const Slot slot = o.is_register() ? slot_of(o.type) : s.slot();
    if (load) {
      i.vector[k] = o.kind == Operand::Kind::sink ? -1 : s.target(o);
      i.vector_bytes[k] = static_cast<u8>(size_of(o.type));
    } else {
      i.vector[k] = s.loose_source(o, slot);
      i.vector_bytes[k] = static_cast<u8>(slot == Slot::wide ? 8 : 4);
    }
  }
  i.run = choose(i.bytes, load);
}

void bind_load(const Statement& s, Instruction& i) { bind_access(s, i, 1, s.operand(0), true); }

void bind_store(const Statement& s, Instruction& i) {
  bind_access(s, i, 0, s.operand(1), false);
  if (i.address.space == Space::kernel_parameter) {  // parameters that a caller fills, not the kernel's own
    i.address.space = Space::parameter;
  }
}

}  // namespace

void add_memory(FamilyTable& table) {
  table["ld"] = bind_load;
  table["ldu"] = bind_load;
  table["st"] = bind_store;
}

}  // namespace bnas::emu
