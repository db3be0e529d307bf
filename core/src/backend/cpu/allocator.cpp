// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/allocator.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string>

#include "bnas/core/error.hpp"

namespace bnas::cpu {

std::size_t size_class(std::size_t bytes) {
  constexpr std::size_t kSmallest = 64;
  if (bytes <= kSmallest) {
    return kSmallest;
  }
  const std::size_t step = std::max(std::bit_floor(bytes - 1) / 4, kSmallest);
  return (bytes + step - 1) / step * step;
}

/// Returns its memory to the allocator, which it keeps alive.
class Allocator::Block final : public Storage {
 public:
  Block(std::shared_ptr<Allocator> owner, void* data, std::size_t bytes, std::size_t capacity)
      : Storage(data, bytes), owner_(std::move(owner)), capacity_(capacity) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() override { owner_->release(data_, capacity_); }

 private:
  std::shared_ptr<Allocator> owner_;
  std::size_t capacity_;
};

Allocator::~Allocator() {
  for (const auto& [bytes, blocks] : free_) {
    for (void* block : blocks) {
      ::operator delete (block, std::align_val_t{kAlignment});
    }
  }
}

std::shared_ptr<Storage> Allocator::allocate(std::size_t bytes) {
  const std::size_t capacity = size_class(bytes);
  void* data = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (limit_ != 0 && stats_.in_use + capacity > limit_) {
      throw Error(ErrorKind::unavailable, "[allocate] cpu: " + std::to_string(bytes) + " bytes wanted, " +
                                              std::to_string(stats_.in_use) + " of the limit of " +
                                              std::to_string(limit_) + " in use");
    }
    auto& blocks = free_[capacity];
    if (!blocks.empty()) {
      data = blocks.back();
      blocks.pop_back();
      stats_.cached -= capacity;
    }
    stats_.in_use += capacity;
    stats_.peak = std::max(stats_.peak, stats_.in_use);
  }
  if (data == nullptr) {
    data = ::operator new (capacity + kReadableTail, std::align_val_t{kAlignment}, std::nothrow);
    if (data == nullptr) {
      const std::lock_guard lock(mutex_);
      stats_.in_use -= capacity;
      throw Error(ErrorKind::unavailable, "[allocate] cpu: out of memory, " + std::to_string(bytes) + " bytes wanted");
    }
    std::memset(static_cast<char*>(data) + capacity, 0, kReadableTail);
  }
  return std::make_shared<Block>(shared_from_this(), data, bytes, capacity);
}

void Allocator::release(void* data, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  free_[bytes].push_back(data);
  stats_.in_use -= bytes;
  stats_.cached += bytes;
}

MemoryStats Allocator::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Allocator::set_limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
}

}  // namespace bnas::cpu
