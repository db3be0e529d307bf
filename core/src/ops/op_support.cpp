// SPDX-License-Identifier: Apache-2.0
#include "ops/op_support.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace bnas::ops {

void fail(const char* op, const std::string& message) {
  throw Error(ErrorKind::internal, fmt::format("[{}] {}", op, message));
}

void require_defined(const char* op, const char* what, const Tensor& x) {
  if (!x.defined()) {
    fail(op, fmt::format("{} has no value", what));
  }
}

void require_dtype(const char* op, const char* what, const Tensor& x, std::initializer_list<DType> allowed) {
  require_defined(op, what, x);
  if (std::find(allowed.begin(), allowed.end(), x.dtype()) != allowed.end()) {
    return;
  }
  std::string names;
  for (const DType dtype : allowed) {
    names += (names.empty() ? "" : " or ") + std::string(dtype_name(dtype));
  }
  fail(op, fmt::format("{} {} is {}, expected {}", what, x.shape().text(), dtype_name(x.dtype()), names));
}

void require_rank(const char* op, const char* what, const Tensor& x, int rank) {
  if (x.shape().rank() != rank) {
    fail(op, fmt::format("{} has shape {}, expected {} axes", what, x.shape().text(), rank));
  }
}

void require_shape(const char* op, const char* what, const Tensor& x, const Shape& expected) {
  require_defined(op, what, x);
  if (x.shape() != expected) {
    fail(op, fmt::format("{} has shape {}, expected {}", what, x.shape().text(), expected.text()));
  }
}

Tensor as_float(Stream& stream, const Tensor& x) {
  if (x.dtype() == DType::f32) {
    return x;
  }
  Tensor y(stream, x.shape(), DType::f32);
  dispatch<kernels::ToFloat>(stream, x, y);
  return y;
}

}  // namespace bnas::ops
