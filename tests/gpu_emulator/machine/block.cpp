// SPDX-License-Identifier: Apache-2.0
#include "machine/block.hpp"

#include <algorithm>

#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

constexpr std::size_t kRowAlignment = 64;
constexpr u8 kGarbageRegister = 0xcb;
constexpr u8 kGarbageShared = 0xcd;

/// Numbers the stretches between barriers of all blocks ever executed.
std::atomic<u64> last_epoch{0};

}  // namespace

Counters& Counters::operator+=(const Counters& other) {
  warp_instructions += other.warp_instructions;
  global_read_bytes += other.global_read_bytes;
  global_written_bytes += other.global_written_bytes;
  read_sectors += other.read_sectors;
  written_sectors += other.written_sectors;
  read_requests += other.read_requests;
  written_requests += other.written_requests;
  unique_read_bytes += other.unique_read_bytes;
  unique_written_bytes += other.unique_written_bytes;
  shared_bank_conflicts += other.shared_bank_conflicts;
  atomics += other.atomics;
  mma_instructions += other.mma_instructions;
  barriers += other.barriers;
  local_bytes += other.local_bytes;
  dram_read_bytes += other.dram_read_bytes;
  dram_written_bytes += other.dram_written_bytes;
  return *this;
}

u64 begin_epoch() { return ++last_epoch; }

Block::Block(const LaunchState& launch, unsigned host_thread)
    : launch_(launch),
      program_(*launch.program),
      threads_(launch.block.x * launch.block.y * launch.block.z),
      random_(static_cast<std::minstd_rand::result_type>(launch.options->warp_seed * 7919 + host_thread + 1)) {
  if (options().profile) {
    times_.resize(program_.code.size());
  }
  for (const SpecialRegister& s : program_.specials) {
    const std::optional<Special> special = special_named(s.name);
    if (!special) {
      throw LaunchEnd(LaunchResult::End::unsupported,
                      program_.name + ": PTX line " + std::to_string(s.line) + ": not supported: " +
                          std::string(launch.module->line(s.line)) + " (the register " + s.name + ")");
    }
    specials_.push_back({*special, s.at, s.wide});
  }
  const std::size_t shared =
      launch.dynamic_shared == 0 ? program_.static_shared : program_.dynamic_shared_at + launch.dynamic_shared;
  shared_.resize(shared);
  shared_shadow_.resize(shared);
  shared_races_ = RaceCells(shared);
  const auto row_bytes = static_cast<std::size_t>(program_.register_bytes);
  register_template_.assign(row_bytes, kGarbageRegister);
  for (const Program::Constant& c : program_.constants) {
    u8* at = register_template_.data() + c.at;
    const auto word = static_cast<u32>(c.value);
    if (c.slot == Slot::predicate) {
      std::memcpy(at, &word, sizeof word);
    } else {
      for (int lane = 0; lane < 32; ++lane) {
        const int bytes = c.slot == Slot::wide ? 8 : 4;
        std::memcpy(at + lane * bytes, c.slot == Slot::wide ? static_cast<const void*>(&c.value) : &word,
                    static_cast<std::size_t>(bytes));
      }
    }
  }
  warps_.resize((threads_ + 31) / 32);
  register_file_.resize(row_bytes * warps_.size() + kRowAlignment);
  const auto address = reinterpret_cast<std::uintptr_t>(register_file_.data());
  u8* const base = register_file_.data() + (round_up(address, kRowAlignment) - address);
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    warps_[w].id = static_cast<unsigned>(w);
    warps_[w].registers = base + w * row_bytes;
  }
}

void Block::next_epoch() { epoch_ = begin_epoch(); }

void Block::begin(Dim3 index) {
  index_ = index;
  exited_ = 0;
  executed_ = 0;
  next_epoch();
  block_epoch_ = epoch_;
  barriers_.fill(Barrier{});
  std::fill(shared_.begin(), shared_.end(), kGarbageShared);
  std::fill(shared_shadow_.begin(), shared_shadow_.end(), u8{0});
  const std::size_t local_bytes = static_cast<std::size_t>(program_.local_bytes) * 32;
  for (Warp& warp : warps_) {
    const unsigned threads = std::min(32U, threads_ - warp.id * 32);
    warp.live = threads == 32 ? kAllLanes : (1U << threads) - 1;
    warp.exited = 0;
    warp.groups.assign(1, LaneGroup{0, warp.live});
    warp.local.assign(local_bytes, kGarbageRegister);
    warp.local_shadow.assign(local_bytes, 0);
    warp.clocks.reset();
    for (auto& copies : warp.committed) {
      copies.clear();
    }
    warp.pending.clear();
    std::copy(register_template_.begin(), register_template_.end(), warp.registers);
    fill_specials(warp);
  }
}

void Block::fill_specials(Warp& warp) {
  ThreadPlace place;
  place.grid = launch_.grid;
  place.block = launch_.block;
  place.block_index = index_;
  place.warp = warp.id;
  place.dynamic_shared = static_cast<u32>(launch_.dynamic_shared);
  place.total_shared = static_cast<u32>(shared_.size());
  warp_ = &warp;
  for (const FilledSpecial& s : specials_) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      place.lane = lane;
      write_slot(*this, s.at, s.wide, lane, special_value(s.special, place));
    }
  }
}

std::string Block::site() const {
  std::string text = "kernel " + program_.name;
  if (instruction_ == nullptr) {
    return text;
  }
  if (instruction_->location >= 0) {
    text += " at " + launch_.module->place(program_.locations[static_cast<std::size_t>(instruction_->location)]);
  }
  return text + ", PTX line " + std::to_string(instruction_->line) + ": " +
         std::string(launch_.module->line(instruction_->line));
}

std::string Block::thread_name(unsigned lane) const {
  const unsigned thread = warp_->id * 32 + lane;
  const Dim3& size = launch_.block;
  return "block (" + std::to_string(index_.x) + "," + std::to_string(index_.y) + "," + std::to_string(index_.z) +
         "), thread (" + std::to_string(thread % size.x) + "," + std::to_string(thread / size.x % size.y) + "," +
         std::to_string(thread / size.x / size.y) + ")";
}

void Block::find(FindingKind kind, const std::string& what, unsigned lane) {
  launch_.memory->findings().add(kind, site(), what + "; " + thread_name(lane));
}

void Block::fail(LaunchResult::End end, const std::string& what, unsigned lane) const {
  throw LaunchEnd(end, what + "; " + thread_name(lane) + " of " + site());
}

void Block::require_whole_warp(LaneMask mask) const {
  if (mask != kAllLanes) {
    fail(LaunchResult::End::fault, "an instruction of a whole warp is executed by some of its lanes only",
         static_cast<unsigned>(std::countr_zero(mask)));
  }
}

}  // namespace bnas::emu
