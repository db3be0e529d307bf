// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/checks.hpp"

#include "bnas/core/error.hpp"

namespace bnas::cuda_backend {

void Call::fail(const std::string& what) const {
  throw Error(ErrorKind::internal,
              "[" + std::string(op_) + "] cuda:" + std::to_string(stream_.device_index()) + ": " + what);
}

void Call::unexpected(const char* name, const Tensor& tensor, const std::string& wanted) const {
  const std::string found =
      tensor.defined() ? std::string(dtype_name(tensor.dtype())) + " " + tensor.shape().text() : "undefined";
  fail(std::string(name) + " is " + found + ", expected " + wanted);
}

void Call::expect(const char* name, const Tensor& tensor, DType dtype) const {
  if (!tensor.defined() || tensor.dtype() != dtype) {
    unexpected(name, tensor, dtype_name(dtype));
  }
}

void Call::expect(const char* name, const Tensor& tensor, DType dtype, const Shape& shape) const {
  if (!tensor.defined() || tensor.dtype() != dtype || !(tensor.shape() == shape)) {
    unexpected(name, tensor, std::string(dtype_name(dtype)) + " " + shape.text());
  }
}

void Call::expect_number(const char* name, const Tensor& tensor) const {
  const DType dtype = tensor.dtype();
  if (!tensor.defined() || !(dtype == DType::f32 || dtype == DType::i32 || dtype == DType::i16 || dtype == DType::i8)) {
    unexpected(name, tensor, "f32, i32, i16 or i8");
  }
}

void Call::expect_f32_or_bits(const char* name, const Tensor& tensor) const {
  if (!tensor.defined() || !(tensor.dtype() == DType::f32 || tensor.dtype() == DType::bit)) {
    unexpected(name, tensor, "f32 or bits");
  }
}

const StepValues* Call::step(const Tensor& tensor) const {
  expect("step", tensor, DType::u8, Shape{sizeof(StepValues)});
  return reinterpret_cast<const StepValues*>(tensor.data<std::uint8_t>());
}

void Call::require(const cuda::Status& status) const { cuda_backend::require(status, op_, stream_.device_index()); }

}  // namespace bnas::cuda_backend
