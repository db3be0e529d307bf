// SPDX-License-Identifier: Apache-2.0
// How the addresses of a warp become pointers: bounds, alignment, lifetime, initialization, races, counts.
#include <algorithm>
#include <sstream>

#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

constexpr std::size_t kPage = 4096;

const char* verb(const Access& access) { return access.atomic ? "atomic" : access.write ? "write" : "read"; }

std::string hex(u64 value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

/// Calls f with an unsigned integer as wide as the shadow of one access and the number of such words.
template <class F>
void by_shadow_width(int bytes, F f) {
  switch (bytes) {
    case 1:
      f(u8{}, 1);
      break;
    case 2:
      f(u16{}, 1);
      break;
    case 4:
      f(u32{}, 1);
      break;
    default:
      f(u64{}, bytes / 8);
      break;
  }
}

}  // namespace

void Block::addresses(const Address& address, LaneMask mask, LaneAddresses& out) {
  const auto displacement = static_cast<u64>(address.displacement);
  if (address.base < 0) {
    out.fill(displacement);
  } else if (address.wide) {
    const u64* base = row<u64>(address.base);
    map_lanes(mask, [=, &out](unsigned l) { out[l] = base[l] + displacement; });
  } else {
    const u32* base = row<u32>(address.base);
    // 32-bit addresses wrap around within their space.
    map_lanes(mask, [=, &out](unsigned l) { out[l] = static_cast<u32>(base[l] + displacement); });
  }
}

void Block::resolve(const Address& address, LaneMask mask, const Access& access, LanePointers& pointers) {
  LaneAddresses at;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  addresses(address, mask, at);
  resolve(address.space, at, mask, access, pointers);
}

void Block::resolve(Space space, const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers) {
  switch (space) {
    case Space::global:
      resolve_global(at, mask, access, pointers, true);
      return;
    case Space::constant:
      resolve_global(at, mask, access, pointers, false);
      return;
    case Space::shared:
      resolve_shared(at, mask, access, pointers);
      return;
    case Space::local:
      counters_.local_bytes += static_cast<u64>(access.bytes) * static_cast<u64>(std::popcount(mask));
      for_lanes(mask, [&](unsigned l) { pointers[l] = local_at(at[l], l, access, true); });
      return;
    case Space::parameter:
      for_lanes(mask, [&](unsigned l) { pointers[l] = local_at(at[l], l, access, false); });
      return;
    case Space::kernel_parameter:
      for_lanes(mask, [&](unsigned l) { pointers[l] = parameter_at(at[l] & ~kWindowMask, l, access); });
      return;
    case Space::generic:
      break;
  }
  // Lanes may mean different spaces; each space has its own request.
  LaneMask rest = mask;
  while (rest != 0) {
    const u64 window = at[static_cast<unsigned>(std::countr_zero(rest))] & kWindowMask;
    LaneMask same = 0;
    LaneAddresses within = at;
    for_lanes(rest, [&](unsigned l) {
      if ((at[l] & kWindowMask) == window) {
        same |= 1U << l;
        within[l] = at[l] & ~kWindowMask;
      }
    });
    rest &= ~same;
    const Space named = window == kSharedWindow      ? Space::shared
                        : window == kLocalWindow     ? Space::local
                        : window == kParameterWindow ? Space::kernel_parameter
                                                     : Space::global;
    resolve(named, named == Space::global ? at : within, same, access, pointers);
  }
}

void Block::resolve_global(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers,
                           bool counted) {
  for_lanes(mask, [&](unsigned l) { pointers[l] = global_at(at[l], l, access); });
  if (!counted) {
    return;
  }
  const u64 sectors = AccessCounter::sectors(at, mask);
  const u64 bytes = static_cast<u64>(access.bytes) * static_cast<u64>(std::popcount(mask));
  if (!access.write || access.atomic) {
    ++counters_.read_requests;
    counters_.read_sectors += sectors;
    counters_.global_read_bytes += bytes;
  }
  if (access.write || access.atomic) {
    ++counters_.written_requests;
    counters_.written_sectors += sectors;
    counters_.global_written_bytes += bytes;
  }
}

void Block::resolve_shared(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers) {
  LaneAddresses offsets;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  for_lanes(mask, [&](unsigned l) {
    offsets[l] = at[l] & 0xffffffffU;
    pointers[l] = shared_at(offsets[l], l, access);
  });
  counters_.shared_bank_conflicts += access_counter_.bank_conflicts(offsets, mask, access.bytes);
}

u8* Block::at(Space space, u64 address, unsigned lane, const Access& access) {
  if (space == Space::generic && (address & kWindowMask) != 0) {
    const u64 window = address & kWindowMask;
    space = window == kSharedWindow ? Space::shared : window == kLocalWindow ? Space::local : Space::kernel_parameter;
    address &= ~kWindowMask;
  }
  switch (space) {
    case Space::shared:
      return shared_at(address & 0xffffffffU, lane, access);
    case Space::local:
      return local_at(address, lane, access, true);
    case Space::parameter:
      return local_at(address, lane, access, false);
    case Space::kernel_parameter:
      return parameter_at(address, lane, access);
    default:
      return global_at(address, lane, access);
  }
}

void Block::check_aligned(u64 address, unsigned lane, const Access& access, const char* space) {
  if ((address & static_cast<u64>(access.bytes - 1)) != 0) {
    const std::string what = std::string(verb(access)) + " of " + std::to_string(access.bytes) +
                             " bytes at the misaligned " + space + " address " + hex(address);
    find(FindingKind::misaligned_access, what, lane);
    fail(LaunchResult::End::fault, what, lane);
  }
}

u8* Block::global_at(u64 address, unsigned lane, const Access& access) {
  check_aligned(address, lane, access, "global");
  MemoryRange*& hint = range_hints_[static_cast<unsigned>(instruction_->line) % range_hints_.size()];
  MemoryRange* range = hint;
  const auto bytes = static_cast<std::size_t>(access.bytes);
  if (range == nullptr || !range->contains(address, bytes) || !range->live) {
    range = range_of(address, lane, access);
    hint = range;
  }
  const std::size_t offset = address - range->address;
  shadow_global(*range, offset, lane, access);
  if (options().check >= 2) {
    if (range->races == nullptr) {
      range->races = std::make_unique<RaceCells>(range->bytes);
    }
    race_check(*range->races, offset, lane, access, false);
  }
  return range->data + offset;
}

MemoryRange* Block::range_of(u64 address, unsigned lane, const Access& access) {
  MemoryRange* range = launch_.memory->range_at(address);
  if (range == nullptr || !range->contains(address, static_cast<std::size_t>(access.bytes)) || !range->live) {
    bad_global(address, lane, access, range);
  }
  if (std::find(touched_ranges_.begin(), touched_ranges_.end(), range) == touched_ranges_.end()) {
    touched_ranges_.push_back(range);
  }
  return range;
}

void Block::bad_global(u64 address, unsigned lane, const Access& access, const MemoryRange* range) {
  std::string what = std::string(verb(access)) + " of " + std::to_string(access.bytes) + " bytes at ";
  FindingKind kind = FindingKind::out_of_bounds;
  if (range != nullptr && range->contains(address, 1)) {
    what += "byte " + std::to_string(address - range->address) + " of allocation " + std::to_string(range->serial) +
            ", which has " + std::to_string(range->bytes) + " bytes";
    if (!range->live) {
      kind = FindingKind::use_after_free;
      what += " and was released";
    }
  } else if (range != nullptr && address - range->address < range->bytes + kPage) {
    what += std::to_string(address - range->address - range->bytes) + " bytes past the end of allocation " +
            std::to_string(range->serial) + ", which has " + std::to_string(range->bytes) + " bytes";
  } else {
    what += "the global address " + hex(address) + ", which belongs to no allocation";
  }
  find(kind, what, lane);
  fail(LaunchResult::End::fault, what, lane);
}

void Block::shadow_global(MemoryRange& range, std::size_t offset, unsigned lane, const Access& access) {
  const bool reads = !access.write || access.atomic;
  const bool writes = access.write || access.atomic;
  const u8 wanted = static_cast<u8>((reads ? kReadInLaunch : 0) | (writes ? kWrittenInLaunch | kInitialized : 0));
  bool uninitialized = false;
  bool changed = false;
  // Several host threads may be here for the same bytes: they set the same bits, so that a relaxed race is harmless.
  by_shadow_width(access.bytes, [&](auto word, int count) {
    using W = decltype(word);
    constexpr W kOnes = static_cast<W>(0x0101010101010101U);
    W* shadow = reinterpret_cast<W*>(range.shadow + offset);
    for (int k = 0; k < count; ++k) {
      const W seen = __atomic_load_n(shadow + k, __ATOMIC_RELAXED);
      uninitialized =
          uninitialized || (seen & static_cast<W>(kOnes * kInitialized)) != static_cast<W>(kOnes * kInitialized);
      const W now = static_cast<W>(seen | static_cast<W>(kOnes * wanted));
      if (now != seen) {
        __atomic_store_n(shadow + k, now, __ATOMIC_RELAXED);
        changed = true;
      }
    }
  });
  if (changed) {
    __atomic_store_n(&range.touched[offset / kPage], u8{1}, __ATOMIC_RELAXED);
  }
  if (reads && uninitialized && checks()) {
    find(FindingKind::uninitialized_read,
         "uninitialized global memory, allocation " + std::to_string(range.serial) + " of " +
             std::to_string(range.bytes) + " bytes, byte " + std::to_string(offset),
         lane);
  }
}

void Block::race_check(RaceCells& cells, std::size_t offset, unsigned lane, const Access& access, bool shared) {
  Accessor by;
  by.now.epoch = epoch_;
  by.now.sync = warp_->clocks.sync();
  by.now.clock = warp_->clocks.clock(lane);
  by.now.thread = static_cast<u16>(warp_->id * 32 + lane);
  by.block_begin = block_epoch_;
  by.launch_begin = shared ? block_epoch_ : launch_.epoch_begin;
  by.clocks = &warp_->clocks;
  by.write = access.write || access.atomic;
  by.strong = access.strong || access.atomic;
  const Race race = cells.access(offset, static_cast<std::size_t>(access.bytes), by);
  if (race != Race::none) {
    const char* what = race == Race::write_write  ? "written after an unordered write of another thread"
                       : race == Race::read_write ? "read after an unordered write of another thread"
                                                  : "written after an unordered read of another thread";
    find(shared ? FindingKind::shared_race : FindingKind::global_race, what, lane);
  }
}

u8* Block::shared_at(u64 offset, unsigned lane, const Access& access) {
  const auto bytes = static_cast<std::size_t>(access.bytes);
  if (offset + bytes > shared_.size()) {
    const std::string what = std::string(verb(access)) + " of " + std::to_string(bytes) + " bytes at offset " +
                             std::to_string(offset) + " of shared memory, of which the block has " +
                             std::to_string(shared_.size()) + " bytes";
    find(FindingKind::out_of_bounds, what, lane);
    fail(LaunchResult::End::fault, what, lane);
  }
  check_aligned(offset, lane, access, "shared");
  if (checks()) {
    u8* shadow = shared_shadow_.data() + offset;
    if ((!access.write || access.atomic) && std::find(shadow, shadow + bytes, u8{0}) != shadow + bytes) {
      find(FindingKind::uninitialized_read, "uninitialized shared memory at offset " + std::to_string(offset), lane);
    }
    if (access.write || access.atomic) {
      std::memset(shadow, 1, bytes);
    }
    race_check(shared_races_, offset, lane, access, true);
  }
  return shared_.data() + offset;
}

void Block::note_local_written(int offset, int bytes, unsigned lane) {
  std::memset(warp_->local_shadow.data() + lane * static_cast<std::size_t>(program_.local_bytes) + offset, 1,
              static_cast<std::size_t>(bytes));
}

u8* Block::local_at(u64 offset, unsigned lane, const Access& access, bool checked) {
  const auto bytes = static_cast<std::size_t>(access.bytes);
  if (offset + bytes > static_cast<u64>(program_.local_bytes)) {
    const std::string what = std::string(verb(access)) + " at offset " + std::to_string(offset) +
                             " of local memory, of which a thread has " + std::to_string(program_.local_bytes) +
                             " bytes";
    find(FindingKind::out_of_bounds, what, lane);
    fail(LaunchResult::End::fault, what, lane);
  }
  check_aligned(offset, lane, access, "local");
  const std::size_t place = lane * static_cast<std::size_t>(program_.local_bytes) + offset;
  u8* shadow = warp_->local_shadow.data() + place;
  if (access.write || access.atomic) {
    std::memset(shadow, 1, bytes);
  } else if (checked && checks() && std::find(shadow, shadow + bytes, u8{1}) == shadow + bytes) {
    // Only values without any written byte: copies of structures take their padding along.
    find(FindingKind::uninitialized_read, "uninitialized local memory at offset " + std::to_string(offset), lane);
  }
  return warp_->local.data() + place;
}

u8* Block::parameter_at(u64 offset, unsigned lane, const Access& access) {
  if (access.write || offset + static_cast<u64>(access.bytes) > launch_.parameters.size()) {
    const std::string what = std::string(verb(access)) + " at offset " + std::to_string(offset) +
                             " of the kernel's parameters, which have " + std::to_string(launch_.parameters.size()) +
                             " bytes and cannot be written";
    find(FindingKind::out_of_bounds, what, lane);
    fail(LaunchResult::End::fault, what, lane);
  }
  return const_cast<u8*>(launch_.parameters.data()) + offset;
}

}  // namespace bnas::emu
