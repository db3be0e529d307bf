// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "bnas/core/device.hpp"

namespace bnas {

class Backend;

/// Owning bytes of one device, aligned to 64. Freed in stream order: the block returns to its allocator's cache
/// and is handed out again to later work of the same stream. At least 64 bytes behind the last byte may be read.
class Storage {
 public:
  virtual ~Storage() = default;
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 protected:
  Storage(void* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  void* data_;
  std::size_t bytes_;
};

/// What an allocator holds; bytes.
struct MemoryStats {
  std::size_t in_use = 0;
  std::size_t peak = 0;    ///< largest in_use since construction
  std::size_t cached = 0;  ///< free blocks kept for reuse
};

/// Told of every kernel of a stream, in order; for profiles. Both calls come from the stream's thread.
class KernelObserver {
 public:
  virtual ~KernelObserver() = default;
  virtual void begin(const char* op) = 0;
  virtual void end(const char* op) = 0;
};

/// An ordered queue of work on one device with a caching allocator of its own. One thread at a time uses a stream;
/// storage may be released from any thread. A child network owns exactly one stream.
class Stream {
 public:
  virtual ~Stream() = default;

  virtual Backend& backend() const = 0;
  Device device() const;
  /// Uninitialized bytes. Throws `unavailable` naming the bytes wanted when the device or the limit is exhausted.
  virtual std::shared_ptr<Storage> allocate(std::size_t bytes) = 0;
  virtual void synchronize() = 0;
  virtual MemoryStats memory() const = 0;
  /// Refuses allocations beyond `bytes` in use; 0 means no limit.
  virtual void set_memory_limit(std::size_t bytes) = 0;

  /// Null: nobody watches. The observer must outlive its time here.
  void set_observer(KernelObserver* observer) { observer_ = observer; }
  KernelObserver* observer() const { return observer_; }

 private:
  KernelObserver* observer_ = nullptr;
};

}  // namespace bnas
