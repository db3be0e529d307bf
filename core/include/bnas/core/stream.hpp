// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

/// Work that a stream does again and again, as one training step. Where the device can record it (a CUDA graph), the
/// first run() does the work as usual, the second records it, and from then on it is replayed with one call.
class Repeated {
 public:
  virtual ~Repeated() = default;
  virtual void run() = 0;
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
  /// What was given to this stream so far is one step more. Does not wait; not while work is recorded.
  virtual void mark_step() = 0;
  /// How many marked steps the device has completed: a sign of life for whoever watches. From any thread.
  virtual std::int64_t steps_completed() const = 0;
  /// `work` must give this stream the same kernels with the same arguments each time: what changes from run to run is
  /// read from device memory (StepFeed). It must neither wait for the stream nor copy to or from the host. What it
  /// allocates belongs to the Repeated, which must not outlive the stream.
  virtual std::unique_ptr<Repeated> repeat(std::function<void()> work) = 0;
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
