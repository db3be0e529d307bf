// SPDX-License-Identifier: Apache-2.0
// Argument checks of the CPU kernels: every violation is an internal Error that names operation, argument and shapes.
#pragma once

#include <string>

#include "bnas/core/tensor.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cpu {

/// Throws "[op] name is <type> <shape>, expected <wanted>".
[[noreturn]] void throw_unexpected(const char* op, const char* name, const Tensor& tensor, const std::string& wanted);
/// Throws "[op] name[position] is <value>, expected 0 <= value < limit".
[[noreturn]] void throw_out_of_range(const char* op, const char* name, std::int64_t position, std::int64_t value,
                                     std::int64_t limit);

inline void expect(const char* op, const char* name, const Tensor& tensor, DType dtype) {
  if (!tensor.defined() || tensor.dtype() != dtype) {
    throw_unexpected(op, name, tensor, dtype_name(dtype));
  }
}

inline void expect(const char* op, const char* name, const Tensor& tensor, DType dtype, const Shape& shape) {
  if (!tensor.defined() || tensor.dtype() != dtype || !(tensor.shape() == shape)) {
    throw_unexpected(op, name, tensor, std::string(dtype_name(dtype)) + " " + shape.text());
  }
}

/// f32, i32, i16 or i8.
inline void expect_number(const char* op, const char* name, const Tensor& tensor) {
  const DType dtype = tensor.dtype();
  if (!tensor.defined() || !(dtype == DType::f32 || dtype == DType::i32 || dtype == DType::i16 || dtype == DType::i8)) {
    throw_unexpected(op, name, tensor, "f32, i32, i16 or i8");
  }
}

inline void expect_f32_or_bits(const char* op, const char* name, const Tensor& tensor) {
  if (!tensor.defined() || !(tensor.dtype() == DType::f32 || tensor.dtype() == DType::bit)) {
    throw_unexpected(op, name, tensor, "f32 or bits");
  }
}

/// The values in a `step` tensor.
StepValues read_step(const char* op, const Tensor& step);

/// Values of an i32 tensor must lie in [0, limit).
void expect_in_range(const char* op, const char* name, const Tensor& values, std::int64_t limit);

}  // namespace bnas::cpu
