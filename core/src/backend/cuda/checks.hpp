// SPDX-License-Identifier: Apache-2.0
// Argument checks of the adapters: every violation is an internal Error that names operation, device, argument, shapes.
#pragma once

#include <string>

#include "backend/cuda/status.hpp"
#include "backend/cuda/stream.hpp"
#include "bnas/core/tensor.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cuda_backend {

/// One call of a kernel: its operation and stream, for checks, launches and scratch memory.
class Call {
 public:
  Call(const char* op, Stream& stream) : op_(op), stream_(cuda_stream(stream)) {}

  cudaStream_t stream() const { return stream_.get(); }
  CudaStream& owner() const { return stream_; }
  cuda::DeviceError* error() const { return stream_.error(); }
  /// Scratch memory for the work that this call enqueues; it returns to the stream with the Call.
  cuda::Scratch scratch(std::size_t bytes) {
    scratch_ = bytes == 0 ? nullptr : stream_.allocate(bytes);
    return {bytes == 0 ? nullptr : scratch_->data(), bytes, stream_.tickets(), stream_.accumulators()};
  }

  void expect(const char* name, const Tensor& tensor, DType dtype) const;
  void expect(const char* name, const Tensor& tensor, DType dtype, const Shape& shape) const;
  /// f32, i32, i16 or i8.
  void expect_number(const char* name, const Tensor& tensor) const;
  void expect_f32_or_bits(const char* name, const Tensor& tensor) const;
  /// The device address of a `step` tensor's values.
  const StepValues* step(const Tensor& tensor) const;
  /// Throws unless the launcher's status is ok.
  void require(const cuda::Status& status) const;
  [[noreturn]] void fail(const std::string& what) const;
  /// Fails with what `tensor` is and what it should be.
  [[noreturn]] void unexpected(const char* name, const Tensor& tensor, const std::string& wanted) const;

 private:
  const char* op_;
  CudaStream& stream_;
  std::shared_ptr<Storage> scratch_;
};

/// Null for an undefined tensor.
template <class T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

}  // namespace bnas::cuda_backend
