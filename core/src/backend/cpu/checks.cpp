// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/checks.hpp"

#include <cstring>

#include "bnas/core/error.hpp"

namespace bnas::cpu {

void throw_unexpected(const char* op, const char* name, const Tensor& tensor, const std::string& wanted) {
  const std::string found =
      tensor.defined() ? std::string(dtype_name(tensor.dtype())) + " " + tensor.shape().text() : "undefined";
  throw Error(ErrorKind::internal, "[" + std::string(op) + "] cpu: " + name + " is " + found + ", expected " + wanted);
}

void throw_out_of_range(const char* op, const char* name, std::int64_t position, std::int64_t value,
                        std::int64_t limit) {
  throw Error(ErrorKind::internal, "[" + std::string(op) + "] cpu: " + name + "[" + std::to_string(position) + "] is " +
                                       std::to_string(value) + ", expected 0 <= value < " + std::to_string(limit));
}

StepValues read_step(const char* op, const Tensor& step) {
  expect(op, "step", step, DType::u8, Shape{sizeof(StepValues)});
  StepValues values;
  std::memcpy(&values, step.raw(), sizeof(values));
  return values;
}

void expect_in_range(const char* op, const char* name, const Tensor& values, std::int64_t limit) {
  const std::int32_t* value = values.data<std::int32_t>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    if (value[i] < 0 || value[i] >= limit) {
      throw_out_of_range(op, name, i, value[i], limit);
    }
  }
}

}  // namespace bnas::cpu
