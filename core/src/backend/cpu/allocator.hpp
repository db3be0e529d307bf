// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "bnas/core/stream.hpp"

namespace bnas::cpu {

/// Caching allocator: sizes are rounded up to a few classes per power of two, freed blocks wait in their class for
/// the next request. A training step asks for the same sizes again and again, so after the first step the system
/// allocator is not called. Thread-safe, since storage may be released anywhere.
class Allocator : public std::enable_shared_from_this<Allocator> {
 public:
  static constexpr std::size_t kAlignment = 64;
  static constexpr std::size_t kReadableTail = 64;  ///< bytes behind a block that kernels may read

  ~Allocator();
  std::shared_ptr<Storage> allocate(std::size_t bytes);
  MemoryStats stats() const;
  void set_limit(std::size_t bytes);

 private:
  class Block;
  void release(void* data, std::size_t bytes);

  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;  // by size class
  MemoryStats stats_;
  std::size_t limit_ = 0;
};

/// The size class of a request: steps of 1/4 of a power of two, at least 64; at most 25 % is lost.
std::size_t size_class(std::size_t bytes);

}  // namespace bnas::cpu
