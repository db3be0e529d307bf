// SPDX-License-Identifier: Apache-2.0
// Argument checks of the adapters: every violation is an internal Error that names operation, device, argument, shapes.
#pragma once

#include <string>

#include "backend/cuda/status.hpp"
#include "backend/cuda/stream.hpp"
#include "bnas/core/tensor.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cuda_backend {

/// One call of a kernel: its operation and stream, for checks, launches and scratch memory.
class Call {
 public:
  Call(const char* op, Stream& stream) : op_(op), stream_(cuda_stream(stream)) {}

  cudaStream_t stream() const { return stream_.get(); }
  CudaStream& owner() const { return stream_; }
  int* tickets() const { return stream_.tickets(); }
  cuda::DeviceError* error() const { return stream_.error(); }
  /// Scratch memory, valid for the work that this call enqueues.
  std::shared_ptr<Storage> workspace(std::size_t bytes) const { return stream_.allocate(bytes); }

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

 private:
  [[noreturn]] void unexpected(const char* name, const Tensor& tensor, const std::string& wanted) const;

  const char* op_;
  CudaStream& stream_;
};

/// Null for an undefined tensor.
template <class T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

}  // namespace bnas::cuda_backend
