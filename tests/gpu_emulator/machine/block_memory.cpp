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

/// What an access sets in the shadow of its bytes. Several host threads may do so for the same bytes at a time: they
/// set the same bits, so that it is harmless when one of them overwrites the other.
u8 shadow_bits(const Access& access) {
  const bool reads = !access.write || access.atomic;
  const bool writes = access.write || access.atomic;
  return static_cast<u8>((reads ? kReadInLaunch : 0) | (writes ? kWrittenInLaunch | kInitialized : 0));
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
  if (address.space == Space::kernel_parameter && address.base < 0) {  // the same for all lanes
    const auto first = static_cast<unsigned>(std::countr_zero(mask));
    pointers.fill(parameter_at(static_cast<u64>(address.displacement), first, access));
    return;
  }
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

/// The common case, all lanes within one live range: what global_at() does for one lane, without its detours. False
/// when some lane needs those; nothing has been done then.
template <int kBytes>
bool Block::resolve_in_range(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers) {
  using W = std::conditional_t<kBytes == 1, u8,
                               std::conditional_t<kBytes == 2, u16, std::conditional_t<kBytes == 4, u32, u64>>>;
  constexpr int kWords = kBytes / static_cast<int>(sizeof(W));
  constexpr W kOnes = static_cast<W>(0x0101010101010101U);
  MemoryRange* range = range_hint();
  if (range == nullptr || !range->live || range->bytes < kBytes || options().check >= 2) {
    return false;
  }
  const u64 begin = range->address;
  const u64 last = range->bytes - kBytes;
  bool within = true;
  for_lanes(mask, [&](unsigned l) {
    within = within && at[l] - begin <= last && at[l] % kBytes == 0;
    pointers[l] = range->data + (at[l] - begin);
  });
  if (!within) {
    return false;
  }
  const W wanted = static_cast<W>(kOnes * shadow_bits(access));
  const bool reads = !access.write || access.atomic;
  for_lanes(mask, [&](unsigned l) {
    const u64 offset = at[l] - begin;
    W* shadow = reinterpret_cast<W*>(range->shadow + offset);
    bool initialized = true;
    for (int k = 0; k < kWords; ++k) {
      const W seen = __atomic_load_n(shadow + k, __ATOMIC_RELAXED);
      initialized = initialized && static_cast<W>(seen & kOnes) == kOnes;
      if (static_cast<W>(seen | wanted) != seen) {
        __atomic_store_n(shadow + k, static_cast<W>(seen | wanted), __ATOMIC_RELAXED);
        __atomic_store_n(&range->touched[offset / kPage], u8{1}, __ATOMIC_RELAXED);
      }
    }
    if (reads && !initialized) {
      find_uninitialized(*range, offset, l);
    }
  });
  return true;
}

void Block::resolve_global(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers,
                           bool counted) {
  const auto in_range = [&] {
    switch (access.bytes) {
      case 1:
        return resolve_in_range<1>(at, mask, access, pointers);
      case 2:
        return resolve_in_range<2>(at, mask, access, pointers);
      case 4:
        return resolve_in_range<4>(at, mask, access, pointers);
      case 8:
        return resolve_in_range<8>(at, mask, access, pointers);
      case 16:
        return resolve_in_range<16>(at, mask, access, pointers);
      default:
        return false;
    }
  };
  if (!in_range()) {
    for_lanes(mask, [&](unsigned l) { pointers[l] = global_at(at[l], l, access); });
  }
  if (counted) {
    const u64 bytes = static_cast<u64>(access.bytes) * static_cast<u64>(std::popcount(mask));
    count_global(at, mask, bytes, !access.write || access.atomic, access.write || access.atomic);
  }
}

void Block::count_global(const LaneAddresses& at, LaneMask mask, u64 bytes, bool read, bool write) {
  LaneAddresses list;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled as far as it is used
  const unsigned sectors = AccessCounter::sectors(at, mask, list);
  if (read) {
    ++counters_.read_requests;
    counters_.read_sectors += sectors;
    counters_.global_read_bytes += bytes;
  }
  if (write) {
    ++counters_.written_requests;
    counters_.written_sectors += sectors;
    counters_.global_written_bytes += bytes;
  }
  for (unsigned i = 0; launch_.l2 != nullptr && i < sectors; ++i) {
    launch_.l2->access(list[i], read, write);
  }
}

void Block::resolve_shared(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers) {
  LaneAddresses offsets;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes of the mask
  Accessor by = accessor(access, true);
  for_lanes(mask, [&](unsigned l) {
    offsets[l] = at[l] & 0xffffffffU;
    pointers[l] = shared_at(offsets[l], l, access, by);
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
    case Space::shared: {
      Accessor by = accessor(access, true);
      return shared_at(address & 0xffffffffU, lane, access, by);
    }
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
  MemoryRange*& hint = range_hint();
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
    Accessor by = accessor(access, false);
    race_check(*range->races, offset, lane, access, by, false);
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
  const u8 wanted = shadow_bits(access);
  bool initialized = true;
  for (std::size_t i = offset; i < offset + static_cast<std::size_t>(access.bytes); ++i) {
    const u8 seen = __atomic_load_n(range.shadow + i, __ATOMIC_RELAXED);
    initialized = initialized && (seen & kInitialized) != 0;
    __atomic_store_n(range.shadow + i, static_cast<u8>(seen | wanted), __ATOMIC_RELAXED);
  }
  __atomic_store_n(&range.touched[offset / kPage], u8{1}, __ATOMIC_RELAXED);
  if ((!access.write || access.atomic) && !initialized) {
    find_uninitialized(range, offset, lane);
  }
}

void Block::find_uninitialized(const MemoryRange& range, std::size_t offset, unsigned lane) {
  if (checks()) {
    find(FindingKind::uninitialized_read,
         "uninitialized global memory, allocation " + std::to_string(range.serial) + " of " +
             std::to_string(range.bytes) + " bytes, byte " + std::to_string(offset),
         lane);
  }
}

Accessor Block::accessor(const Access& access, bool shared) const {
  Accessor by;
  by.now.epoch = epoch_;
  by.now.sync = warp_->clocks.sync();
  by.block_begin = block_epoch_;
  by.launch_begin = shared ? block_epoch_ : launch_.epoch_begin;
  by.clocks = &warp_->clocks;
  by.write = access.write || access.atomic;
  by.strong = access.strong || access.atomic;
  return by;
}

void Block::race_check(RaceCells& cells, std::size_t offset, unsigned lane, const Access& access, Accessor& by,
                       bool shared) {
  by.now.clock = warp_->clocks.clock(lane);
  by.now.thread = static_cast<u16>(warp_->id * 32 + lane);
  const Race race = cells.access(offset, static_cast<std::size_t>(access.bytes), by);
  if (race != Race::none) {
    const char* what = race == Race::write_write  ? "written after an unordered write of another thread"
                       : race == Race::read_write ? "read after an unordered write of another thread"
                                                  : "written after an unordered read of another thread";
    find(shared ? FindingKind::shared_race : FindingKind::global_race, what, lane);
  }
}

u8* Block::shared_at(u64 offset, unsigned lane, const Access& access, Accessor& by) {
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
    if ((!access.write || access.atomic) && std::memchr(shadow, 0, bytes) != nullptr) {
      find(FindingKind::uninitialized_read, "uninitialized shared memory at offset " + std::to_string(offset), lane);
    }
    if (access.write || access.atomic) {
      std::memset(shadow, 1, bytes);
    }
    race_check(shared_races_, offset, lane, access, by, true);
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
