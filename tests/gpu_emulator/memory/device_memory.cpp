// SPDX-License-Identifier: Apache-2.0
#include "memory/device_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "memory/race_cells.hpp"

namespace bnas::emu {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kArenaBytes = std::size_t{64} << 30;
/// Released ranges that are remembered before their addresses may be used again.
constexpr std::size_t kQuarantine = 4096;

/// Pages of the contents plus one that stays free, so that small overruns meet no neighbour.
std::size_t span_of(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage + kPage; }

unsigned char* map_pages(int protection) {
  void* p = mmap(nullptr, kArenaBytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    throw std::runtime_error("emulated device: cannot reserve 64 GiB of address space; raise the limit (ulimit -v)");
  }
  return static_cast<unsigned char*>(p);
}

}  // namespace

MemoryRange::MemoryRange() = default;
MemoryRange::~MemoryRange() = default;

/// Three areas of equal size: addresses that nobody can access, their contents, and a shadow byte for each byte.
struct DeviceMemory::Arena {
  unsigned char* addresses = map_pages(PROT_NONE);
  unsigned char* data = map_pages(PROT_READ | PROT_WRITE);
  unsigned char* shadow = map_pages(PROT_READ | PROT_WRITE);
  std::size_t used = 0;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    munmap(addresses, kArenaBytes);
    munmap(data, kArenaBytes);
    munmap(shadow, kArenaBytes);
  }
};

DeviceMemory::DeviceMemory(std::size_t limit, Findings& findings)
    : findings_(findings), arena_(std::make_unique<Arena>()), limit_(limit) {}

DeviceMemory::~DeviceMemory() = default;

MemoryRange& DeviceMemory::new_range() {
  if (spare_.empty()) {
    return storage_.emplace_back();
  }
  MemoryRange& range = *spare_.back();
  spare_.pop_back();
  return range;
}

void DeviceMemory::recycle_oldest() {
  MemoryRange* oldest = quarantine_.front();
  quarantine_.pop_front();
  by_address_.erase(oldest->address);
  if (oldest->own_shadow.empty()) {
    free_spans_[span_of(oldest->bytes)].push_back(oldest->address);
  }
  oldest->own_shadow.clear();
  oldest->owner.reset();
  spare_.push_back(oldest);
}

void* DeviceMemory::allocate(std::size_t bytes) {
  const std::unique_lock lock(mutex_);
  if (bytes == 0 || bytes > limit_ || used_ > limit_ - bytes) {
    return nullptr;
  }
  const std::size_t span = span_of(bytes);
  std::uintptr_t address = 0;
  if (const auto it = free_spans_.find(span); it != free_spans_.end() && !it->second.empty()) {
    address = it->second.back();
    it->second.pop_back();
  } else if (arena_->used + span <= kArenaBytes) {
    address = reinterpret_cast<std::uintptr_t>(arena_->addresses) + arena_->used;
    arena_->used += span;
  } else {
    return nullptr;
  }
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(arena_->addresses);
  MemoryRange& range = new_range();
  range.address = address;
  range.bytes = bytes;
  range.data = arena_->data + offset;
  range.shadow = arena_->shadow + offset;
  range.serial = ++serial_;
  range.touched.assign(bytes / kPage + 1, 0);
  range.races.reset();
  range.live = true;
  std::memset(range.data, 0xff, bytes);
  by_address_[address] = &range;
  used_ += bytes;
  return reinterpret_cast<void*>(address);
}

bool DeviceMemory::release(void* address) {
  const std::unique_lock lock(mutex_);
  const auto it = by_address_.find(reinterpret_cast<std::uintptr_t>(address));
  if (it == by_address_.end() || !it->second->live || !it->second->own_shadow.empty()) {
    return false;
  }
  MemoryRange& range = *it->second;
  range.live = false;
  used_ -= range.bytes;
  const std::size_t pages = span_of(range.bytes) - kPage;
  madvise(range.data, pages, MADV_DONTNEED);  // both read as zero afterwards: nothing is initialized
  madvise(range.shadow, pages, MADV_DONTNEED);
  quarantine_.push_back(&range);
  while (quarantine_.size() > kQuarantine) {
    recycle_oldest();
  }
  return true;
}

void DeviceMemory::adopt(void* host, std::size_t bytes, bool initialized, std::shared_ptr<void> owner) {
  const std::unique_lock lock(mutex_);
  const auto address = reinterpret_cast<std::uintptr_t>(host);
  if (const auto it = by_address_.find(address); it != by_address_.end()) {
    if (it->second->live && it->second->bytes == bytes && it->second->owner == owner) {
      return;
    }
    it->second->live = false;  // storage that the host freed and got again
  }
  MemoryRange& range = new_range();
  range.address = address;
  range.bytes = bytes;
  range.data = static_cast<unsigned char*>(host);
  range.own_shadow.assign(std::max<std::size_t>(bytes, 1), initialized ? kInitialized : std::uint8_t{0});
  range.shadow = range.own_shadow.data();
  range.owner = std::move(owner);
  range.serial = ++serial_;
  range.touched.assign(bytes / kPage + 1, 0);
  range.races.reset();
  range.live = true;
  by_address_[address] = &range;
}

bool DeviceMemory::disown(void* host) {
  const std::unique_lock lock(mutex_);
  const auto it = by_address_.find(reinterpret_cast<std::uintptr_t>(host));
  if (it == by_address_.end() || it->second->own_shadow.empty()) {
    return false;
  }
  it->second->live = false;
  it->second->owner.reset();
  by_address_.erase(it);  // the host may reuse these addresses at once; the object is not reused
  return true;
}

MemoryRange* DeviceMemory::range_at(std::uintptr_t address) const {
  const std::shared_lock lock(mutex_);
  auto it = by_address_.upper_bound(address);
  return it == by_address_.begin() ? nullptr : std::prev(it)->second;
}

MemoryRange* DeviceMemory::live_range(const void* address, std::size_t bytes) const {
  const auto a = reinterpret_cast<std::uintptr_t>(address);
  MemoryRange* range = range_at(a);
  return range != nullptr && range->live && range->contains(a, bytes) ? range : nullptr;
}

bool DeviceMemory::reserved(const void* address) const {
  const auto* p = static_cast<const unsigned char*>(address);
  return p >= arena_->addresses && p < arena_->addresses + kArenaBytes;
}

std::optional<Allocation> DeviceMemory::find(const void* address) const {
  const auto a = reinterpret_cast<std::uintptr_t>(address);
  const MemoryRange* range = range_at(a);
  if (range == nullptr || !range->contains(a, 1)) {
    return std::nullopt;
  }
  return Allocation{reinterpret_cast<void*>(range->address), range->bytes, range->live, range->own_shadow.empty(),
                    range->serial};
}

unsigned char* DeviceMemory::host(const void* address, std::size_t bytes) const {
  const MemoryRange* range = live_range(address, bytes);
  return range == nullptr ? nullptr : range->data + (reinterpret_cast<std::uintptr_t>(address) - range->address);
}

void DeviceMemory::mark_initialized(const void* address, std::size_t bytes) {
  if (MemoryRange* range = live_range(address, bytes)) {
    std::memset(range->shadow + (reinterpret_cast<std::uintptr_t>(address) - range->address), kInitialized, bytes);
  }
}

void DeviceMemory::mark_uninitialized(const void* address, std::size_t bytes) {
  if (MemoryRange* range = live_range(address, bytes)) {
    std::memset(range->shadow + (reinterpret_cast<std::uintptr_t>(address) - range->address), 0, bytes);
  }
}

void DeviceMemory::copy_initialized(const void* to, const void* from, std::size_t bytes) {
  const MemoryRange* target = live_range(to, bytes);
  const MemoryRange* source = live_range(from, bytes);
  if (target != nullptr && source != nullptr) {
    std::memmove(target->shadow + (reinterpret_cast<std::uintptr_t>(to) - target->address),
                 source->shadow + (reinterpret_cast<std::uintptr_t>(from) - source->address), bytes);
  }
}

bool DeviceMemory::initialized(const void* address, std::size_t bytes) const {
  const MemoryRange* range = live_range(address, bytes);
  if (range == nullptr) {
    return false;
  }
  const std::uint8_t* begin = range->shadow + (reinterpret_cast<std::uintptr_t>(address) - range->address);
  return std::all_of(begin, begin + bytes, [](std::uint8_t s) { return (s & kInitialized) != 0; });
}

std::size_t DeviceMemory::total_bytes() const {
  const std::shared_lock lock(mutex_);
  return limit_;
}

std::size_t DeviceMemory::free_bytes() const {
  const std::shared_lock lock(mutex_);
  return limit_ > used_ ? limit_ - used_ : 0;
}

void DeviceMemory::set_limit(std::size_t bytes) {
  const std::unique_lock lock(mutex_);
  limit_ = bytes;
}

std::vector<Allocation> DeviceMemory::allocations() const {
  const std::shared_lock lock(mutex_);
  std::vector<Allocation> all;
  for (const auto& [address, range] : by_address_) {
    if (range->live && range->own_shadow.empty()) {
      all.push_back({reinterpret_cast<void*>(address), range->bytes, true, true, range->serial});
    }
  }
  return all;
}

}  // namespace bnas::emu
