// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/sequence.hpp"

namespace bnas::cpu {
namespace {

/// rows (N,D) belong to ids (N), which name rows of table (V,D).
void expect_lookup(const char* op, const Tensor& table, const Tensor& ids, const Tensor& rows) {
  expect(op, "table", table, DType::f32);
  if (table.shape().rank() != 2) {
    throw_unexpected(op, "table", table, "f32 (V, D)");
  }
  expect(op, "ids", ids, DType::i32);
  expect(op, "rows", rows, DType::f32, Shape{ids.numel(), table.shape()[1]});
  expect_in_range(op, "ids", ids, table.shape()[0]);
}

}  // namespace

void embedding(Stream& /*stream*/, const Tensor& table, const Tensor& ids, Tensor& y) {
  expect_lookup("embedding", table, ids, y);
  const std::int64_t width = table.shape()[1];
  const std::int32_t* id = ids.data<std::int32_t>();
  for (std::int64_t n = 0; n < ids.numel(); ++n) {
    std::copy_n(table.data<float>() + id[n] * width, width, y.data<float>() + n * width);
  }
}

void embedding_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& ids, Tensor& dtable, GradMode mode) {
  expect_lookup("embedding_backward", dtable, ids, dy);
  if (mode == GradMode::overwrite) {
    std::fill_n(dtable.data<float>(), dtable.numel(), 0.0F);
  }
  const std::int64_t width = dtable.shape()[1];
  const std::int32_t* id = ids.data<std::int32_t>();
  for (std::int64_t n = 0; n < ids.numel(); ++n) {
    const float* from = dy.data<float>() + n * width;
    float* to = dtable.data<float>() + id[n] * width;
    for (std::int64_t i = 0; i < width; ++i) {
      to[i] += from[i];
    }
  }
}

}  // namespace bnas::cpu
