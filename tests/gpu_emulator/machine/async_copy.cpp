// SPDX-License-Identifier: Apache-2.0
// cp.async: copies from global to shared memory that land when they are waited for, as late as the hardware may.
#include <algorithm>

#include "machine/bind.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

void land(Block& block, const AsyncCopy& copy) {
  Access write;
  write.bytes = copy.bytes;
  write.write = true;
  u8* to = block.at(Space::shared, copy.to, copy.lane, write);
  std::memset(to, 0, static_cast<std::size_t>(copy.bytes));
  if (copy.filled > 0) {
    Access read;
    read.bytes = copy.filled == copy.bytes ? copy.bytes : 1;
    const u8* from = block.at(Space::global, copy.from, copy.lane, read);
    if (copy.filled != copy.bytes) {  // the last byte, too, must be within bounds
      block.at(Space::global, copy.from + static_cast<u64>(copy.filled) - 1, copy.lane, read);
    }
    std::memcpy(to, from, static_cast<std::size_t>(copy.filled));
  }
}

void run_copy(Block& block, const Instruction& i, LaneMask mask, const Address& to, const Address& from, int filled) {
  LaneAddresses targets;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  LaneAddresses sources;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  block.addresses(to, mask, targets);
  block.addresses(from, mask, sources);
  u64 bytes = 0;
  LaneMask reading = 0;
  for_lanes(mask, [&](unsigned l) {
    AsyncCopy copy;
    copy.to = static_cast<u32>(targets[l]);
    copy.from = sources[l];
    copy.bytes = i.bytes;
    copy.filled = filled < 0 ? i.bytes : std::clamp<int>(static_cast<int>(block.row<u32>(filled)[l]), 0, i.bytes);
    copy.lane = l;
    reading |= copy.filled > 0 ? 1U << l : 0U;
    bytes += static_cast<u64>(copy.filled);
    if (block.options().late_async_copies) {
      block.warp().pending.push_back(copy);
    } else {
      land(block, copy);
    }
  });
  if (reading != 0) {
    block.count_global(sources, reading, bytes, true, false);
  }
}

/// Moves the pending copies of a lane into `to`, in their order.
void take_pending(std::vector<AsyncCopy>& pending, unsigned lane, std::vector<AsyncCopy>& to) {
  const auto own = [lane](const AsyncCopy& copy) { return copy.lane == lane; };
  std::copy_if(pending.begin(), pending.end(), std::back_inserter(to), own);
  pending.erase(std::remove_if(pending.begin(), pending.end(), own), pending.end());
}

void run_commit(Block& block, const Instruction&, LaneMask mask) {
  Warp& warp = block.warp();
  for_lanes(mask, [&](unsigned l) { take_pending(warp.pending, l, warp.committed[l].emplace_back()); });
}

/// i.immediate: groups that may stay in flight; i.flag: copies outside of groups are waited for as well.
void run_wait(Block& block, const Instruction& i, LaneMask mask) {
  Warp& warp = block.warp();
  for_lanes(mask, [&](unsigned l) {
    auto& groups = warp.committed[l];
    if (i.flag) {
      take_pending(warp.pending, l, groups.emplace_back());
    }
    while (static_cast<s64>(groups.size()) > i.immediate) {
      for (const AsyncCopy& copy : groups.front()) {
        land(block, copy);
      }
      groups.pop_front();
    }
  });
}

void bind_async_copy(const Statement& s, Instruction& i) {
  if (!s.has("async") || s.has("bulk") || s.has("mbarrier")) {
    s.unsupported();
  }
  if (s.has("commit_group")) {
    i.run = run_commit;
    return;
  }
  if (s.has("wait_all") || s.has("wait_group")) {
    i.flag = s.has("wait_all");
    i.immediate = i.flag ? 0 : static_cast<s64>(s.number(0));
    i.run = run_wait;
    return;
  }
  i.bytes = static_cast<u8>(s.number(2));
  if (i.bytes != 4 && i.bytes != 8 && i.bytes != 16) {
    s.unsupported("it copies 4, 8 or 16 bytes");
  }
  const Address to = s.address(0, Space::shared);
  const Address from = s.address(1, Space::global);
  int filled = -1;
  if (s.size() > 3) {
    const Operand& o = s.operand(3);
    if (o.is_register() && o.type == Type::PRED) {
      s.unsupported("copies under a predicate");
    }
    if (!o.is_register() || slot_of(o.type) == Slot::word) {  // else it is a cache policy
      filled = s.source(o, Slot::word);
    }
  }
  set_closure(
      i, [=](Block& block, const Instruction& self, LaneMask mask) { run_copy(block, self, mask, to, from, filled); });
}

}  // namespace

void add_async_copy(FamilyTable& table) { table["cp"] = bind_async_copy; }

}  // namespace bnas::emu
