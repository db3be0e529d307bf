// SPDX-License-Identifier: Apache-2.0
// bar.sync, bar.red and bar.arrive.
#include <set>

#include "machine/lanes.hpp"

namespace bnas::emu {

void Block::arrive(Warp& warp, std::size_t group, LaneMask mask) {
  const Instruction& i = *instruction_;
  const int pc = warp.groups[group].pc;
  if (const LaneMask rest = warp.groups[group].lanes & ~mask; rest != 0) {
    warp.groups.push_back({pc + 1, rest});
  }
  const auto first = static_cast<unsigned>(std::countr_zero(mask));
  const u32 id = row<u32>(i.from[0])[first];
  if (id >= barriers_.size()) {
    fail(LaunchResult::End::fault, "there is no barrier " + std::to_string(id), first);
  }
  Barrier& barrier = barriers_[id];
  barrier.arrived += static_cast<u32>(std::popcount(mask));
  if (i.from[1] >= 0) {
    barrier.expected = row<u32>(i.from[1])[first];
  }
  if (i.from[2] >= 0) {
    const LaneMask holds = predicate(i.from[2]) & mask;
    barrier.any = barrier.any || holds != 0;
    barrier.all = barrier.all && holds == mask;
    barrier.count += static_cast<u32>(std::popcount(holds));
  }
  if (static_cast<BarrierMode>(i.mode) == BarrierMode::arrive) {
    warp.groups[group] = {pc + 1, mask};
  } else {
    warp.groups[group] = {pc, mask, LaneGroup::State::waits_at_barrier, static_cast<int>(id)};
  }
  check_barriers();
}

void Block::check_barriers() {
  for (unsigned id = 0; id < barriers_.size(); ++id) {
    const Barrier& b = barriers_[id];
    const u32 expected = b.expected != 0 ? b.expected : threads_ - exited_;
    if (b.arrived != 0 && b.arrived >= expected) {
      release_barrier(id);
    }
  }
}

/// A barrier of the whole block that some threads left before, or reached at another place.
void Block::check_divergence(unsigned id) {
  const Instruction* here = nullptr;
  std::set<int> places;
  for (Warp& warp : warps_) {
    for (const LaneGroup& group : warp.groups) {
      if (group.state == LaneGroup::State::waits_at_barrier && group.barrier == static_cast<int>(id)) {
        places.insert(group.pc);
        here = &program_.code[static_cast<std::size_t>(group.pc)];
      }
    }
  }
  if (here == nullptr || (exited_ == 0 && places.size() < 2)) {
    return;
  }
  const Instruction* const before = instruction_;
  instruction_ = here;
  std::string what = std::to_string(barriers_[id].arrived) + " of " + std::to_string(threads_) +
                     " threads of a block are at a barrier of all its threads; ";
  what += exited_ != 0 ? std::to_string(exited_) + " have exited" : "the others are at another barrier instruction";
  find(FindingKind::divergent_barrier, what, 0);
  instruction_ = before;
}

void Block::release_barrier(unsigned id) {
  if (checks() && barriers_[id].expected == 0) {
    check_divergence(id);
  }
  const Barrier b = barriers_[id];
  barriers_[id] = Barrier{};
  ++counters_.barriers;
  next_epoch();
  Warp* const before = warp_;
  for (Warp& warp : warps_) {
    warp_ = &warp;
    for (LaneGroup& group : warp.groups) {
      if (group.state != LaneGroup::State::waits_at_barrier || group.barrier != static_cast<int>(id)) {
        continue;
      }
      const Instruction& i = program_.code[static_cast<std::size_t>(group.pc)];
      const auto mode = static_cast<BarrierMode>(i.mode);
      if (mode != BarrierMode::sync) {
        const u32 value = mode == BarrierMode::red_and ? b.all : mode == BarrierMode::red_or ? b.any : b.count;
        if (i.flag) {
          set_predicate(i.to, value != 0 ? kAllLanes : 0, group.lanes);
        } else {
          u32* to = row<u32>(i.to);
          for_lanes(group.lanes, [&](unsigned l) { to[l] = value; });
        }
      }
      group.state = LaneGroup::State::ready;
      ++group.pc;
    }
  }
  warp_ = before;
}

}  // namespace bnas::emu
