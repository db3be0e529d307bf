// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "backend/caching_allocator.hpp"

namespace bnas::cuda_backend {

/// A stream of its own on one device; made and destroyed with that device current. Shared by all that needs it to live.
class StreamHandle {
 public:
  explicit StreamHandle(int device);
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;
  ~StreamHandle();
  int device() const { return device_; }
  /// The stream, with its device made current for this thread.
  cudaStream_t get() const;
  /// The same for destructors: a device that is lost is no reason to throw there.
  cudaStream_t get_to_clean_up() const noexcept;

 private:
  int device_;
  cudaStream_t stream_ = nullptr;
};

/// Device memory from a stream-ordered pool of its own, so that a child's memory returns to the device with it.
std::unique_ptr<MemorySource> make_memory_source(std::shared_ptr<StreamHandle> stream);

}  // namespace bnas::cuda_backend
