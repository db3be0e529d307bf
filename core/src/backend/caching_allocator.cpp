// SPDX-License-Identifier: Apache-2.0
#include "backend/caching_allocator.hpp"

#include <algorithm>
#include <bit>

#include "bnas/core/error.hpp"

namespace bnas {

std::size_t size_class(std::size_t bytes) {
  constexpr std::size_t kSmallest = 64;
  if (bytes <= kSmallest) {
    return kSmallest;
  }
  const std::size_t step = std::max(std::bit_floor(bytes - 1) / 4, kSmallest);
  return (bytes + step - 1) / step * step;
}

class CachingAllocator::Arena {
 public:
  explicit Arena(MemorySource& source) : source_(source) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (const auto& [capacity, blocks] : free) {
      for (void* block : blocks) {
        source_.give_back(block, capacity);
      }
    }
  }

  std::map<std::size_t, std::vector<void*>> free;  // by size class
  std::size_t cached = 0;                          // bytes in `free`

 private:
  MemorySource& source_;
};

/// Returns its memory to its arena, which it keeps alive as well as the allocator.
class CachingAllocator::Block final : public Storage {
 public:
  Block(std::shared_ptr<CachingAllocator> owner, std::shared_ptr<Arena> arena, void* data, std::size_t bytes,
        std::size_t capacity)
      : Storage(data, bytes), owner_(std::move(owner)), arena_(std::move(arena)), capacity_(capacity) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() override { owner_->release(*arena_, data_, capacity_); }

 private:
  std::shared_ptr<CachingAllocator> owner_;
  std::shared_ptr<Arena> arena_;  // destroyed before owner_, whose source it needs
  std::size_t capacity_;
};

CachingAllocator::CachingAllocator(std::unique_ptr<MemorySource> source)
    : source_(std::move(source)), common_(make_arena()), current_(common_) {}

std::shared_ptr<Storage> CachingAllocator::allocate(std::size_t bytes) {
  const std::size_t capacity = size_class(bytes);
  const std::lock_guard lock(mutex_);
  if (limit_ != 0 && stats_.in_use + capacity > limit_) {
    throw Error(ErrorKind::unavailable, "[allocate] " + source_->name() + ": " + std::to_string(bytes) +
                                            " bytes wanted, " + std::to_string(stats_.in_use) + " of the limit of " +
                                            std::to_string(limit_) + " in use");
  }
  void* data = take(*current_, capacity, bytes);
  stats_.in_use += capacity;
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  return std::make_shared<Block>(shared_from_this(), current_, data, bytes, capacity);
}

void* CachingAllocator::take(Arena& arena, std::size_t capacity, std::size_t bytes) {
  auto& blocks = arena.free[capacity];
  if (!blocks.empty()) {
    void* data = blocks.back();
    blocks.pop_back();
    arena.cached -= capacity;
    return data;
  }
  if (sealed_) {
    throw Error(ErrorKind::internal, "[allocate] " + source_->name() + ": " + std::to_string(bytes) +
                                         " bytes wanted while work is recorded that did not want them before");
  }
  void* data = source_->obtain(capacity);
  if (data == nullptr) {
    throw OutOfMemory("[allocate] " + source_->name() + ": out of memory, " + std::to_string(bytes) +
                      " bytes wanted, " + std::to_string(stats_.in_use) + " in use by this stream");
  }
  return data;
}

void CachingAllocator::release(Arena& arena, void* data, std::size_t capacity) {
  const std::lock_guard lock(mutex_);
  arena.free[capacity].push_back(data);
  stats_.in_use -= capacity;
  arena.cached += capacity;
}

MemoryStats CachingAllocator::stats() const {
  const std::lock_guard lock(mutex_);
  MemoryStats stats = stats_;
  for (const auto& known : arenas_) {
    const auto arena = known.lock();
    stats.cached += arena ? arena->cached : 0;
  }
  return stats;
}

void CachingAllocator::set_limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
}

std::shared_ptr<CachingAllocator::Arena> CachingAllocator::make_arena() {
  const std::lock_guard lock(mutex_);
  auto arena = std::make_shared<Arena>(*source_);
  arenas_.emplace_back(arena);
  return arena;
}

void CachingAllocator::use(std::shared_ptr<Arena> arena) {
  const std::lock_guard lock(mutex_);
  current_ = arena ? std::move(arena) : common_;
}

void CachingAllocator::seal(bool sealed) {
  const std::lock_guard lock(mutex_);
  sealed_ = sealed;
}

}  // namespace bnas
