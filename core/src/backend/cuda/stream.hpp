// SPDX-License-Identifier: Apache-2.0
// What adapters of kernels ask of a stream of the CUDA backend.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <optional>

#include "backend/cuda/memory.hpp"
#include "backend/cuda/step_marks.hpp"
#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/handles.hpp"

namespace bnas::cuda_backend {

/// See Stream. Kernels, copies and allocations are ordered on one CUDA stream.
class CudaStream final : public Stream {
 public:
  CudaStream(Backend& backend, int device);
  ~CudaStream() override;

  Backend& backend() const override { return backend_; }
  std::shared_ptr<Storage> allocate(std::size_t bytes) override { return allocator_->allocate(bytes); }
  /// Also throws for an index out of range that a kernel met since the last call.
  void synchronize() override;
  void mark_step() override { marks_.record(get(), device_index()); }
  std::int64_t steps_completed() const override { return marks_.passed(); }
  std::unique_ptr<Repeated> repeat(std::function<void()> work) override;
  MemoryStats memory() const override { return allocator_->stats(); }
  void set_memory_limit(std::size_t bytes) override { allocator_->set_limit(bytes); }

  cudaStream_t get() const { return handle_->get(); }
  cudaStream_t get_to_clean_up() const noexcept { return handle_->get_to_clean_up(); }
  int device_index() const { return handle_->device(); }
  /// 10 major + minor.
  int compute_capability() const { return compute_capability_; }
  /// cuBLAS and cuDNN on this stream; opened at the first call, which must not be recorded.
  const cuda::Handles& handles();
  unsigned* tickets() const { return tickets_; }
  std::int64_t* accumulators() const { return accumulators_; }
  cuda::DeviceError* error() const { return error_; }
  const std::shared_ptr<CachingAllocator>& allocator() const { return allocator_; }

 private:
  Backend& backend_;
  std::shared_ptr<StreamHandle> handle_;
  std::shared_ptr<CachingAllocator> allocator_;  // outlives the stream while storage is alive
  int compute_capability_ = 0;
  std::shared_ptr<Storage> handle_workspace_;
  std::optional<cuda::Handles> handles_;  // dies before its workspace
  std::shared_ptr<Storage> fixed_;        // accumulators_, tickets_ and error_
  std::int64_t* accumulators_ = nullptr;
  unsigned* tickets_ = nullptr;
  cuda::DeviceError* error_ = nullptr;
  mutable StepMarks marks_;
  cuda::DeviceError* host_error_ = nullptr;  // pinned; as error_ was at the last synchronization
};

/// The stream of a kernel call; its device is current from then on.
CudaStream& cuda_stream(Stream& stream);

}  // namespace bnas::cuda_backend
