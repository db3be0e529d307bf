// SPDX-License-Identifier: Apache-2.0
// Shuffles, votes, matches, reductions of a warp, and barriers.
#include <algorithm>

#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

/// What a shuffle reads from a lane that takes no part: the value is undefined.
constexpr u32 kUndefined = 0xdeadbeefU;

void wait_for_members(const Statement& s, Instruction& i, std::size_t operand) {
  i.control = Control::warp_sync;
  i.members = s.source(operand, Slot::word);
}

enum ShuffleMode : u8 { kUp, kDown, kButterfly, kIndex };

struct ShuffleSource {
  int lane;
  bool within;
};

/// The lane to read from, as the PTX manual's pseudocode for shfl says; out of its segment a lane reads itself.
ShuffleSource shuffle_source(int lane, int b, u32 control, u8 mode) {
  const int clamp = static_cast<int>(control & 31U);
  const int segment = static_cast<int>(control >> 8 & 31U);
  const int last = (lane & segment) | (clamp & ~segment);
  const int first = lane & segment;
  int from = 0;
  switch (mode) {
    case kUp:
      from = lane - b;
      return {from >= last ? from : lane, from >= last};
    case kDown:
      from = lane + b;
      break;
    case kButterfly:
      from = lane ^ b;
      break;
    default:
      from = first | (b & ~segment);
      break;
  }
  return {from <= last ? from : lane, from <= last};
}

void run_shuffle(Block& block, const Instruction& i, LaneMask mask) {
  std::array<u32, 32> values;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied next
  std::memcpy(values.data(), block.row<u32>(i.from[0]), sizeof values);
  const u32* b = block.row<u32>(i.from[1]);
  const u32* control = block.row<u32>(i.from[2]);
  u32* to = block.row<u32>(i.to);
  LaneMask within = 0;
  for_lanes(mask, [&](unsigned l) {
    const ShuffleSource source = shuffle_source(static_cast<int>(l), static_cast<int>(b[l] & 31U), control[l], i.mode);
    const auto from = static_cast<unsigned>(source.lane);
    if ((mask >> from & 1U) == 0 && block.checks()) {
      block.find(FindingKind::warp_collective,
                 "a shuffle reads lane " + std::to_string(from) + ", which takes no part in it", l);
    }
    to[l] = (mask >> from & 1U) != 0 ? values[from] : kUndefined;
    within |= source.within ? 1U << l : 0U;
  });
  block.set_predicate(i.to_second, within, mask);
}

void bind_shuffle(const Statement& s, Instruction& i) {
  if (!s.has("sync")) {
    s.unsupported("only the form with .sync");
  }
  i.to = s.target(0);
  i.to_second = s.second_target(0);
  for (std::size_t k = 0; k < 3; ++k) {
    i.from[k] = s.source(k + 1, Slot::word);
  }
  i.mode = s.has("up") ? kUp : s.has("down") ? kDown : s.has("bfly") ? kButterfly : kIndex;
  wait_for_members(s, i, 4);
  i.run = run_shuffle;
}

enum VoteMode : u8 { kBallot, kAny, kAll, kUniform };

void run_vote(Block& block, const Instruction& i, LaneMask mask) {
  const LaneMask votes = block.predicate(i.from[0]) & mask;
  if (i.mode == kBallot) {
    u32* to = block.row<u32>(i.to);
    for_lanes(mask, [&](unsigned l) { to[l] = votes; });
    return;
  }
  const bool holds = i.mode == kAny ? votes != 0 : i.mode == kAll ? votes == mask : votes == mask || votes == 0;
  block.set_predicate(i.to, holds ? kAllLanes : 0, mask);
}

void bind_vote(const Statement& s, Instruction& i) {
  if (!s.has("sync")) {
    s.unsupported("only the form with .sync");
  }
  i.to = s.target(0);
  i.from[0] = s.source(1, Slot::predicate);
  i.mode = s.has("ballot") ? kBallot : s.has("any") ? kAny : s.has("all") ? kAll : kUniform;
  wait_for_members(s, i, 2);
  i.run = run_vote;
}

void run_match(Block& block, const Instruction& i, LaneMask mask) {
  std::array<u64, 32> values{};
  for_lanes(mask, [&](unsigned l) { values[l] = read_slot(block, i.from[0], i.flag, l); });
  u32* to = block.row<u32>(i.to);
  bool same = true;
  for_lanes(mask, [&](unsigned l) {
    LaneMask equal = 0;
    for_lanes(mask, [&](unsigned other) { equal |= values[other] == values[l] ? 1U << other : 0U; });
    same = same && equal == mask;
    to[l] = equal;
  });
  if (i.mode == 1) {  // match.all: the mask, or nothing
    for_lanes(mask, [&](unsigned l) { to[l] = same ? mask : 0; });
    block.set_predicate(i.to_second, same ? kAllLanes : 0, mask);
  }
}

void bind_match(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.to_second = s.second_target(0);
  i.from[0] = s.source(1);
  i.flag = s.slot() == Slot::wide;
  i.mode = s.has("all") ? 1 : 0;
  wait_for_members(s, i, 2);
  i.run = run_match;
}

template <class T, class F>
Run reduction(F) {
  return [](Block& block, const Instruction& i, LaneMask mask) {
    const u32* a = block.row<u32>(i.from[0]);
    const auto first = static_cast<unsigned>(std::countr_zero(mask));
    T sum = get<T>(a[first]);
    for_lanes(mask & (mask - 1), [&](unsigned l) { sum = F{}(sum, get<T>(a[l])); });
    u32* to = block.row<u32>(i.to);
    for_lanes(mask, [&](unsigned l) { to[l] = put(sum); });
  };
}

struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return std::min(a, b);
  }
};
struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};

void bind_reduction(const Statement& s, Instruction& i) {
  if (is_float(s.type()) || s.slot() != Slot::word) {
    s.unsupported();
  }
  i.to = s.target(0);
  i.from[0] = s.source(1);
  wait_for_members(s, i, 2);
  const bool is_signed_type = is_signed(s.type());
  i.run = s.has("add")   ? reduction<u32>(std::plus<u32>{})
          : s.has("min") ? (is_signed_type ? reduction<s32>(Smaller{}) : reduction<u32>(Smaller{}))
          : s.has("max") ? (is_signed_type ? reduction<s32>(Larger{}) : reduction<u32>(Larger{}))
          : s.has("and") ? reduction<u32>(std::bit_and<u32>{})
          : s.has("or")  ? reduction<u32>(std::bit_or<u32>{})
                         : reduction<u32>(std::bit_xor<u32>{});
}

void bind_active_mask(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    for_lanes(mask, [&](unsigned l) { block.row<u32>(self.to)[l] = mask; });
  };
}

/// elect: the lowest lane is the leader.
void bind_elect(const Statement& s, Instruction& i) {
  i.to = s.target(0);
  i.to_second = s.second_target(0);
  wait_for_members(s, i, 1);
  i.run = [](Block& block, const Instruction& self, LaneMask mask) {
    const auto leader = static_cast<u32>(std::countr_zero(mask));
    for_lanes(mask, [&](unsigned l) { block.row<u32>(self.to)[l] = leader; });
    block.set_predicate(self.to_second, 1U << leader, mask);
  };
}

void bind_barrier(const Statement& s, Instruction& i) {
  if (s.has("warp")) {
    wait_for_members(s, i, 0);
    i.run = [](Block&, const Instruction&, LaneMask) {};
    return;
  }
  if (s.has("cluster")) {
    s.unsupported();
  }
  i.control = Control::barrier;
  if (s.has("red")) {
    i.mode = static_cast<u8>(s.has("popc")  ? BarrierMode::red_count
                             : s.has("and") ? BarrierMode::red_and
                                            : BarrierMode::red_or);
    i.to = s.target(0);
    i.flag = s.type() == Type::PRED;
    i.from[0] = s.source(1, Slot::word);
    i.from[1] = s.size() == 4 ? s.source(2, Slot::word) : -1;
    i.from[2] = s.source(s.size() - 1, Slot::predicate);
  } else {
    i.mode = static_cast<u8>(s.has("arrive") ? BarrierMode::arrive : BarrierMode::sync);
    i.from[0] = s.source(0, Slot::word);
    i.from[1] = s.size() > 1 ? s.source(1, Slot::word) : -1;
  }
}

}  // namespace

void add_warp(FamilyTable& table) {
  table["shfl"] = bind_shuffle;
  table["vote"] = bind_vote;
  table["match"] = bind_match;
  table["redux"] = bind_reduction;
  table["activemask"] = bind_active_mask;
  table["elect"] = bind_elect;
  table["bar"] = bind_barrier;
  table["barrier"] = bind_barrier;
}

}  // namespace bnas::emu
