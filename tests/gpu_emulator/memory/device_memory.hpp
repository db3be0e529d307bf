// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "memory/findings.hpp"

namespace bnas::emu {

class RaceCells;

/// Bits of the shadow byte that stands for each byte of memory: whether it was ever written, and what the launch in
/// progress did with it.
inline constexpr std::uint8_t kInitialized = 1;
inline constexpr std::uint8_t kReadInLaunch = 2;
inline constexpr std::uint8_t kWrittenInLaunch = 4;

/// One range of addresses that kernels may use: an allocation of the device, or host memory that it can reach.
/// Objects stay where they are and are reused only long after release, so that kernels may keep pointers to them.
struct MemoryRange {
  std::uintptr_t address = 0;  ///< as kernels see it
  std::size_t bytes = 0;
  unsigned char* data = nullptr;  ///< where the contents really are
  std::uint8_t* shadow = nullptr;
  std::atomic<bool> live{false};
  std::uint64_t serial = 0;              ///< counts allocations, for messages
  std::vector<std::uint8_t> own_shadow;  ///< storage of `shadow` for host memory; device memory uses the arena's
  std::shared_ptr<void> owner;           ///< keeps host memory alive where its owner asked for that
  std::vector<std::uint8_t> touched;     ///< one flag per 4 KiB: has launch bits in its shadow
  std::unique_ptr<RaceCells> races;      ///< last accesses, made when races between blocks are looked for

  MemoryRange();
  ~MemoryRange();
  bool contains(std::uintptr_t a, std::size_t n) const { return a >= address && a - address + n <= bytes; }
};

/// What find() tells about an address.
struct Allocation {
  void* address = nullptr;
  std::size_t bytes = 0;
  bool live = false;  ///< false: released, still in quarantine
  bool device = false;
  std::uint64_t serial = 0;
};

/// The memory of one emulated device.
///
/// Addresses that allocate() returns are reserved and never accessible: the contents lie a constant distance away, and
/// only code of the emulator, which asks host() for them, gets there. Any other access of host code is a segmentation
/// fault inside reserved(). Released ranges stay in quarantine before their addresses are used again. All members may
/// be called by any thread.
class DeviceMemory {
 public:
  /// A device of `limit` bytes. Throws std::runtime_error when the address space cannot be reserved.
  DeviceMemory(std::size_t limit, Findings& findings);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  /// `bytes` > 0 of uninitialized memory, aligned to 256 bytes and filled with 0xff; null when the device is full.
  void* allocate(std::size_t bytes);
  /// False when `address` is not the start of a live allocation (the caller says what to make of that).
  bool release(void* address);

  /// Makes host memory (pinned memory, variables of a module) accessible to kernels at its own address.
  void adopt(void* host, std::size_t bytes, bool initialized, std::shared_ptr<void> owner = nullptr);
  bool disown(void* host);

  /// The range around an address: live, in quarantine, or none.
  std::optional<Allocation> find(const void* address) const;
  /// Where the `bytes` at a device address really lie, for copies and fills; null unless all of them are live.
  unsigned char* host(const void* address, std::size_t bytes) const;
  /// Is the address one of this device's own (allocated or not)?
  bool reserved(const void* address) const;

  /// These ignore bytes outside live ranges.
  void mark_initialized(const void* address, std::size_t bytes);
  void mark_uninitialized(const void* address, std::size_t bytes);
  /// `to` becomes initialized where `from` is: what a copy within the device does.
  void copy_initialized(const void* to, const void* from, std::size_t bytes);
  bool initialized(const void* address, std::size_t bytes) const;

  std::size_t total_bytes() const;
  std::size_t free_bytes() const;
  void set_limit(std::size_t bytes);
  /// Live allocations of the device, by address.
  std::vector<Allocation> allocations() const;
  Findings& findings() const { return findings_; }

  /// For the interpreter: the range at or below an address, also when it is in quarantine; null when none is near.
  MemoryRange* range_at(std::uintptr_t address) const;

 private:
  struct Arena;
  MemoryRange& new_range();
  MemoryRange* live_range(const void* address, std::size_t bytes) const;
  void recycle_oldest();

  Findings& findings_;
  std::unique_ptr<Arena> arena_;
  mutable std::shared_mutex mutex_;
  std::map<std::uintptr_t, MemoryRange*> by_address_;
  std::deque<MemoryRange> storage_;
  std::vector<MemoryRange*> spare_;
  std::deque<MemoryRange*> quarantine_;
  std::map<std::size_t, std::vector<std::uintptr_t>> free_spans_;  ///< by size, addresses past quarantine
  std::size_t limit_;
  std::size_t used_ = 0;
  std::uint64_t serial_ = 0;
};

}  // namespace bnas::emu
