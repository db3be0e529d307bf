// SPDX-License-Identifier: Apache-2.0
// How the warps of a block and the diverged lanes of a warp take turns.
#include <algorithm>
#include <map>
#include <sstream>

#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

constexpr u64 kLongSlice = 200'000;     // instructions of a warp before the next one's turn
constexpr u64 kDivergedSlice = 20'000;  // of a group of lanes before another group of the warp goes on
constexpr unsigned kLongestRandomSlice = 200;
constexpr int kNowhere = std::numeric_limits<int>::max();

bool at_barrier(const LaneGroup& group) { return group.state == LaneGroup::State::waits_at_barrier; }

}  // namespace

/// Groups at the same instruction become one; one that waits for lanes tries again together with them.
void Block::merge_groups(Warp& warp) {
  auto& groups = warp.groups;
  for (std::size_t a = 0; a < groups.size(); ++a) {
    for (std::size_t b = a + 1; b < groups.size();) {
      if (groups[a].pc == groups[b].pc && !at_barrier(groups[a]) && !at_barrier(groups[b])) {
        groups[a].lanes |= groups[b].lanes;
        groups[a].state = LaneGroup::State::ready;
        groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(b));
      } else {
        ++b;
      }
    }
  }
}

/// The ready group that is furthest back, so that lanes meet again where their paths join; another one now and then
/// where a random order is asked for, or when a group has had its share (it may spin until others get on). -1: none.
int Block::choose_group(Warp& warp, bool& other_first) {
  int chosen = -1;
  unsigned ready = 0;
  for (std::size_t g = 0; g < warp.groups.size(); ++g) {
    if (warp.groups[g].state == LaneGroup::State::ready) {
      ++ready;
      if (chosen < 0 || warp.groups[g].pc < warp.groups[static_cast<std::size_t>(chosen)].pc) {
        chosen = static_cast<int>(g);
      }
    }
  }
  if (ready < 2) {
    return chosen;
  }
  const bool random = options().warp_seed != 0 && random_() % 4 == 0;
  unsigned skip = random ? static_cast<unsigned>(random_()) % ready : 0;
  for (std::size_t g = 0; g < warp.groups.size() && (random || other_first); ++g) {
    if (warp.groups[g].state != LaneGroup::State::ready) {
      continue;
    }
    if (random ? skip-- == 0 : warp.groups[g].pc > warp.groups[static_cast<std::size_t>(chosen)].pc) {
      chosen = static_cast<int>(g);
      if (random) {
        break;
      }
    }
  }
  other_first = false;
  return chosen;
}

/// The nearest instruction ahead of the chosen group where another group stands.
int Block::next_merge_point(const Warp& warp, int chosen) {
  const int pc = warp.groups[static_cast<std::size_t>(chosen)].pc;
  int nearest = kNowhere;
  for (std::size_t g = 0; g < warp.groups.size(); ++g) {
    if (static_cast<int>(g) != chosen && warp.groups[g].pc > pc && !at_barrier(warp.groups[g])) {
      nearest = std::min(nearest, warp.groups[g].pc);
    }
  }
  return nearest;
}

/// Runs a warp for about `slice` instructions; false when none of its lanes could move.
bool Block::run_warp(Warp& warp, u64 slice) {
  warp_ = &warp;
  const Instruction* code = program_.code.data();
  u64* const times = times_.empty() ? nullptr : times_.data();
  const u64 end = executed_ + slice;
  u64 group_end = executed_ + kDivergedSlice;
  bool moved = false;
  bool other_first = false;
  while (executed_ < end) {
    merge_groups(warp);
    const int chosen = choose_group(warp, other_first);
    if (chosen < 0) {
      return moved;
    }
    moved = true;
    const auto g = static_cast<std::size_t>(chosen);
    const int merge_at = next_merge_point(warp, chosen);
    if (group_end <= executed_) {
      group_end = executed_ + kDivergedSlice;
    }
    const u64 stop = warp.groups.size() > 1 ? std::min(end, group_end) : end;
    const LaneMask lanes = warp.groups[g].lanes;
    int pc = warp.groups[g].pc;
    for (bool go_on = true; go_on;) {
      const Instruction& i = code[pc];
      LaneMask mask = lanes;
      if (i.guard >= 0) {
        const LaneMask guard = predicate(i.guard);
        mask &= i.guard_negated ? ~guard : guard;
      }
      ++executed_;
      if (times != nullptr) {
        ++times[pc];
      }
      instruction_ = &i;
      if (i.control == Control::straight || mask == 0) {
        if (mask != 0) {
          i.run(*this, i, mask);
        }
        ++pc;
        go_on = pc != merge_at && executed_ < stop;
        if (!go_on) {
          warp.groups[g].pc = pc;
        }
      } else {
        warp.groups[g].pc = pc;
        // Groups may have been added or removed; only the warp's sole group, or one whose lanes all moved on, goes on.
        go_on = control(warp, g, mask, merge_at) && executed_ < stop;
        pc = go_on ? warp.groups[g].pc : 0;
      }
      other_first = other_first || executed_ >= stop;
    }
  }
  return moved;
}

/// Executes a control instruction. True: the group is still there with all its lanes, at its new pc, alone or short of
/// the next merge point.
bool Block::control(Warp& warp, std::size_t group, LaneMask mask, int merge_at) {
  const Instruction& i = *instruction_;
  const int pc = warp.groups[group].pc;
  switch (i.control) {
    case Control::branch:
      if (mask == warp.groups[group].lanes) {
        warp.groups[group].pc = static_cast<int>(i.immediate);
        return warp.groups.size() == 1;
      }
      take_branch(warp, group, mask);
      return false;
    case Control::branch_table:
      scatter(warp, group, mask, table_targets(mask));
      return false;
    case Control::call: {
      copy_locals(*i.copies, mask);
      u32* return_to = row<u32>(i.to);
      for_lanes(mask, [&](unsigned l) { return_to[l] = static_cast<u32>(pc) + 1; });
      take_branch(warp, group, mask);
      return false;
    }
    case Control::results:
      copy_locals(*i.copies, mask);
      ++warp.groups[group].pc;
      return pc + 1 < merge_at;
    case Control::ret:
      scatter(warp, group, mask, return_targets(mask));
      return false;
    case Control::exit:
      exit_lanes(warp, group, mask);
      return false;
    case Control::trap:
      fail(LaunchResult::End::trap, "the kernel executed trap", static_cast<unsigned>(std::countr_zero(mask)));
    case Control::warp_sync:
      return warp_sync(warp, group, mask) && warp.groups[group].pc < merge_at;
    case Control::barrier:
      arrive(warp, group, mask);
      return false;
    case Control::straight:
      break;
  }
  return false;
}

void Block::take_branch(Warp& warp, std::size_t group, LaneMask mask) {
  LaneGroup& g = warp.groups[group];
  const int next = g.pc + 1;
  const LaneMask rest = g.lanes & ~mask;
  g.pc = static_cast<int>(instruction_->immediate);
  g.lanes = mask;
  if (rest != 0) {
    warp.groups.push_back({next, rest});
  }
}

std::map<int, LaneMask> Block::table_targets(LaneMask mask) {
  const Instruction& i = *instruction_;
  const u32* index = row<u32>(i.from[0]);
  std::map<int, LaneMask> targets;
  for_lanes(mask, [&](unsigned l) {
    if (index[l] >= i.targets->size()) {
      fail(LaunchResult::End::fault, "a branch table has no entry " + std::to_string(index[l]), l);
    }
    targets[(*i.targets)[index[l]]] |= 1U << l;
  });
  return targets;
}

std::map<int, LaneMask> Block::return_targets(LaneMask mask) {
  const u32* return_to = row<u32>(instruction_->from[0]);
  std::map<int, LaneMask> targets;
  for_lanes(mask, [&](unsigned l) { targets[static_cast<int>(return_to[l])] |= 1U << l; });
  return targets;
}

void Block::scatter(Warp& warp, std::size_t group, LaneMask mask, const std::map<int, LaneMask>& targets) {
  const LaneGroup from = warp.groups[group];
  warp.groups.erase(warp.groups.begin() + static_cast<std::ptrdiff_t>(group));
  if (const LaneMask rest = from.lanes & ~mask; rest != 0) {
    warp.groups.push_back({from.pc + 1, rest});
  }
  for (const auto& [pc, lanes] : targets) {
    warp.groups.push_back({pc, lanes});
  }
}

void Block::copy_locals(const std::vector<LocalCopy>& copies, LaneMask mask) {
  for (const LocalCopy& copy : copies) {
    for_lanes(mask, [&](unsigned l) {
      std::memcpy(local(copy.to, l), local(copy.from, l), static_cast<std::size_t>(copy.bytes));
      note_local_written(copy.to, copy.bytes, l);
    });
  }
}

void Block::exit_lanes(Warp& warp, std::size_t group, LaneMask mask) {
  warp.live &= ~mask;
  warp.exited |= mask;
  exited_ += static_cast<unsigned>(std::popcount(mask));
  LaneGroup& g = warp.groups[group];
  g.lanes &= ~mask;
  ++g.pc;
  if (g.lanes == 0) {
    warp.groups.erase(warp.groups.begin() + static_cast<std::ptrdiff_t>(group));
  }
  for (LaneGroup& other : warp.groups) {  // exited lanes are waited for no longer
    if (other.state == LaneGroup::State::waits_for_lanes) {
      other.state = LaneGroup::State::ready;
    }
  }
  check_barriers();
}

/// Executes a warp-synchronous instruction for each set of lanes that names exactly one another and is complete; the
/// rest waits. True when all lanes of the group are done.
bool Block::warp_sync(Warp& warp, std::size_t group, LaneMask mask) {
  const Instruction& i = *instruction_;
  const int pc = warp.groups[group].pc;
  if (const LaneMask rest = warp.groups[group].lanes & ~mask; rest != 0) {
    warp.groups.push_back({pc + 1, rest});
    warp.groups[group].lanes = mask;
  }
  const u32* members = row<u32>(i.members);
  LaneMask done = 0;
  for (LaneMask todo = mask; todo != 0;) {
    const auto first = static_cast<unsigned>(std::countr_zero(todo));
    const u32 named = members[first];
    LaneMask same = 0;
    for_lanes(todo, [&](unsigned l) { same |= members[l] == named ? 1U << l : 0U; });
    todo &= ~same;
    if ((same & ~named) != 0) {
      const std::string what = "a lane executes a warp instruction whose member mask does not name it";
      find(FindingKind::warp_collective, what, first);
      fail(LaunchResult::End::fault, what, first);
    }
    if (checks() && (named & warp.exited) != 0) {
      find(FindingKind::warp_collective, "the member mask names lanes that have exited", first);
    }
    if ((named & warp.live & ~same) == 0) {
      i.run(*this, i, same);
      warp.clocks.join(same, warp.live);
      done |= same;
    }
  }
  if (done == mask) {
    ++warp.groups[group].pc;
    return true;
  }
  warp.groups[group] = {pc, mask & ~done, LaneGroup::State::waits_for_lanes};
  if (done != 0) {
    warp.groups.push_back({pc + 1, done});
  }
  return false;
}

/// All threads wait: says for what.
void Block::stall() {
  std::map<std::string, int> waiting;
  for (Warp& warp : warps_) {
    for (const LaneGroup& group : warp.groups) {
      instruction_ = &program_.code[static_cast<std::size_t>(group.pc)];
      waiting[(at_barrier(group) ? "the barrier at " : "other lanes at ") + site()] += std::popcount(group.lanes);
    }
  }
  std::ostringstream what;
  what << exited_ << " of " << threads_ << " threads of block (" << index_.x << "," << index_.y << "," << index_.z
       << ") have exited and the rest waits for ever";
  for (const auto& [where, count] : waiting) {
    what << "; " << count << " for " << where;
  }
  launch_.memory->findings().add(FindingKind::divergent_barrier, "deadlock in " + program_.name, what.str());
  throw LaunchEnd(LaunchResult::End::timeout, what.str());
}

void Block::run(Dim3 index) {
  begin(index);
  const bool random = options().warp_seed != 0;
  std::vector<std::size_t> order(warps_.size());
  for (std::size_t w = 0; w < order.size(); ++w) {
    order[w] = w;
  }
  for (;;) {
    if (random) {
      std::shuffle(order.begin(), order.end(), random_);
    }
    bool alive = false;
    bool moved = false;
    for (const std::size_t w : order) {
      if (!warps_[w].groups.empty()) {
        alive = true;
        moved = run_warp(warps_[w], random ? 1 + random_() % kLongestRandomSlice : kLongSlice) || moved;
      }
    }
    if (!alive) {
      break;
    }
    if (!moved) {
      stall();
    }
    if (executed_ > options().instruction_budget) {
      throw LaunchEnd(LaunchResult::End::timeout, program_.name + ": a block exceeded its budget of " +
                                                      std::to_string(options().instruction_budget) +
                                                      " warp instructions");
    }
  }
  counters_.warp_instructions += executed_;
}

}  // namespace bnas::emu
