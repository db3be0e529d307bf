// SPDX-License-Identifier: Apache-2.0
// atom and red on global and shared memory.
#include <algorithm>

#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

enum class AtomicOp : u8 {
  add,
  least,
  greatest,
  bit_and,
  bit_or,
  bit_xor,
  exchange,
  compare_swap,
  increment,
  decrement
};

/// The new value: of `old`, the operand b, and for compare_swap the operand c.
template <class T>
T updated(AtomicOp op, T old, T b, T c) {
  switch (op) {
    case AtomicOp::exchange:
      return b;
    case AtomicOp::add:
      if constexpr (std::is_integral_v<T>) {
        using U = std::make_unsigned_t<T>;
        return static_cast<T>(static_cast<U>(old) + static_cast<U>(b));
      } else {
        return from_float<T>(to_float(old) + to_float(b));
      }
    default:
      break;
  }
  if constexpr (std::is_integral_v<T>) {
    switch (op) {
      case AtomicOp::least:
        return std::min(old, b);
      case AtomicOp::greatest:
        return std::max(old, b);
      case AtomicOp::bit_and:
        return static_cast<T>(old & b);
      case AtomicOp::bit_or:
        return static_cast<T>(old | b);
      case AtomicOp::bit_xor:
        return static_cast<T>(old ^ b);
      case AtomicOp::compare_swap:
        return old == b ? c : old;
      case AtomicOp::increment:
        return old >= b ? T{0} : static_cast<T>(old + 1);
      case AtomicOp::decrement:
        return old == 0 || old > b ? b : static_cast<T>(old - 1);
      default:
        break;
    }
  }
  return old;
}

/// kCount values of T, side by side, change in one step each time another thread of the host does not interfere.
template <class T, int kCount>
void run_atomic(Block& block, const Instruction& i, LaneMask mask) {
  constexpr int kBytes = static_cast<int>(sizeof(T)) * kCount;
  using Word = std::conditional_t<kBytes == 8, u64, std::conditional_t<kBytes == 4, u32, u16>>;
  Access access;
  access.bytes = kBytes;
  access.atomic = true;
  LanePointers pointers;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  block.resolve(i.address, mask, access, pointers);
  block.count().atomics += static_cast<u64>(std::popcount(mask));
  const auto* b = block.row<SlotOf<Word>>(i.from[0]);
  const auto* c = i.from[1] >= 0 ? block.row<SlotOf<Word>>(i.from[1]) : b;
  for_lanes(mask, [&](unsigned l) {
    using Values = std::array<T, kCount>;
    const auto values = [](SlotOf<Word> slot) { return std::bit_cast<Values>(static_cast<Word>(slot)); };
    const Values operand = values(b[l]);
    const Values other = values(c[l]);
    auto* word = reinterpret_cast<Word*>(pointers[l]);
    Word old = __atomic_load_n(word, __ATOMIC_RELAXED);
    Word wanted = 0;
    do {
      const Values before = values(old);
      Values after{};
      for (std::size_t k = 0; k < kCount; ++k) {
        after[k] = updated(static_cast<AtomicOp>(i.mode), before[k], operand[k], other[k]);
      }
      wanted = std::bit_cast<Word>(after);
    } while (!__atomic_compare_exchange_n(word, &old, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (i.to >= 0) {
      block.row<SlotOf<Word>>(i.to)[l] = old;
    }
  });
}

AtomicOp operation_of(const Statement& s) {
  static const std::unordered_map<std::string, AtomicOp> kNames = {
      {"add", AtomicOp::add},       {"min", AtomicOp::least},        {"max", AtomicOp::greatest},
      {"and", AtomicOp::bit_and},   {"or", AtomicOp::bit_or},        {"xor", AtomicOp::bit_xor},
      {"exch", AtomicOp::exchange}, {"cas", AtomicOp::compare_swap}, {"inc", AtomicOp::increment},
      {"dec", AtomicOp::decrement},
  };
  for (const std::string& word : s.words()) {
    if (const auto it = kNames.find(word); it != kNames.end()) {
      return it->second;
    }
  }
  s.unsupported("it names no operation");
}

void bind_atomic(const Statement& s, Instruction& i) {
  const bool returns = s.mnemonic() == "atom";
  const std::size_t memory = returns ? 1 : 0;
  const AtomicOp op = operation_of(s);
  const bool integer = !is_float(s.type());
  if (s.has("v2") || s.has("v4") || s.has("v8") || s.has("shared::cluster") || s.has("async") ||
      (!integer && op != AtomicOp::add && op != AtomicOp::exchange)) {
    s.unsupported();
  }
  if (returns && s.operand(0).kind != Operand::Kind::sink) {
    i.to = s.target(0);
  }
  i.mode = static_cast<u8>(op);
  i.address = s.address(memory, s.space(memory));
  i.from[0] = s.source(memory + 1);
  if (op == AtomicOp::compare_swap) {
    i.from[1] = s.source(memory + 2);
  }
  switch (s.type()) {
    case Type::F16X2:
      i.run = run_atomic<Half, 2>;
      break;
    case Type::BF16X2:
      i.run = run_atomic<BFloat, 2>;
      break;
    default:
      i.run = integer ? by_integer(s.type(), [](auto zero) -> Run { return run_atomic<decltype(zero), 1>; })
                      : by_float(s.type(), [](auto zero) -> Run { return run_atomic<decltype(zero), 1>; });
      break;
  }
}

}  // namespace

void add_atomic(FamilyTable& table) {
  table["atom"] = bind_atomic;
  table["red"] = bind_atomic;
}

}  // namespace bnas::emu
