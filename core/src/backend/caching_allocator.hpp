// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bnas/core/stream.hpp"

namespace bnas {

/// Where a caching allocator gets its blocks from: aligned to 64, with 64 readable bytes behind them.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// For messages: "cpu", "cuda:0".
  virtual std::string name() const = 0;
  /// Null when out of memory.
  virtual void* obtain(std::size_t bytes) = 0;
  virtual void give_back(void* data, std::size_t bytes) = 0;
};

/// Sizes are rounded up to a few classes per power of two, freed blocks wait in their class for the next request. A
/// training step asks for the same sizes again and again, so after the first step the source is not called.
/// Thread-safe, since storage may be released anywhere.
class CachingAllocator : public std::enable_shared_from_this<CachingAllocator> {
 public:
  /// Free blocks that are handed out only while their arena is the current one: a recorded step keeps the addresses it
  /// was recorded with to itself. Dies with its last holder or block, and gives its blocks back to the source.
  class Arena;

  explicit CachingAllocator(std::unique_ptr<MemorySource> source);
  std::shared_ptr<Storage> allocate(std::size_t bytes);
  MemoryStats stats() const;
  void set_limit(std::size_t bytes);

  std::shared_ptr<Arena> make_arena();
  /// Requests are served from `arena` from now on; null: from the common one.
  void use(std::shared_ptr<Arena> arena);
  /// Requests that need a new block are refused as an internal Error: recording must not allocate.
  void seal(bool sealed);

 private:
  class Block;
  void* take(Arena& arena, std::size_t capacity, std::size_t bytes);
  void release(Arena& arena, void* data, std::size_t capacity);

  const std::unique_ptr<MemorySource> source_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<Arena>> arenas_;  // all of them
  std::shared_ptr<Arena> common_;
  std::shared_ptr<Arena> current_;
  bool sealed_ = false;
  MemoryStats stats_;  // but for cached, which the arenas know
  std::size_t limit_ = 0;
};

/// The size class of a request: steps of 1/4 of a power of two, at least 64; at most 25 % is lost.
std::size_t size_class(std::size_t bytes);

}  // namespace bnas
