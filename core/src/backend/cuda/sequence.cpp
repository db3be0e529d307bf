// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/sequence.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/cuda/embedding.hpp"
#include "bnas/cuda/lstm.hpp"

namespace bnas::cuda_backend {
namespace {

/// rows (N,D) belong to ids (N), which name rows of table (V,D).
void expect_lookup(const Call& call, const Tensor& table, const Tensor& ids, const Tensor& rows) {
  call.expect("table", table, DType::f32);
  if (table.shape().rank() != 2) {
    call.fail("table has shape " + table.shape().text() + ", expected (V, D)");
  }
  call.expect("ids", ids, DType::i32);
  call.expect("rows", rows, DType::f32, Shape{ids.numel(), table.shape()[1]});
}

void embedding(Stream& stream, const Tensor& table, const Tensor& ids, Tensor& y) {
  const Call call("embedding", stream);
  expect_lookup(call, table, ids, y);
  call.require(cuda::embedding(table.data<float>(), static_cast<int>(table.shape()[0]),
                               static_cast<int>(table.shape()[1]), ids.data<std::int32_t>(), ids.numel(),
                               y.data<float>(), call.error(), call.stream()));
}

void embedding_backward(Stream& stream, const Tensor& dy, const Tensor& ids, Tensor& dtable, GradMode mode) {
  const Call call("embedding_backward", stream);
  expect_lookup(call, dtable, ids, dy);
  call.require(cuda::embedding_backward(dy.data<float>(), ids.data<std::int32_t>(), ids.numel(),
                                        static_cast<int>(dtable.shape()[0]), static_cast<int>(dtable.shape()[1]),
                                        dtable.data<float>(), mode == GradMode::accumulate, call.error(),
                                        call.stream()));
}

/// Checks c (N,H) and gates (N,4H).
void expect_cell(const Call& call, const Tensor& gates, const Tensor& c) {
  call.expect("c", c, DType::f32);
  if (c.shape().rank() != 2) {
    call.fail("c has shape " + c.shape().text() + ", expected (N, H)");
  }
  call.expect("gates", gates, DType::f32, Shape{c.shape()[0], 4 * c.shape()[1]});
}

void expect_optional(const Call& call, const char* name, const Tensor& tensor, const Shape& shape) {
  if (tensor.defined()) {
    call.expect(name, tensor, DType::f32, shape);
  }
}

void lstm_cell(Stream& stream, Tensor& gates, const Tensor& c_prev, Tensor& c, Tensor& h) {
  const Call call("lstm_cell", stream);
  expect_cell(call, gates, c);
  call.expect("h", h, DType::f32, c.shape());
  expect_optional(call, "c_prev", c_prev, c.shape());
  call.require(cuda::lstm_cell(gates.data<float>(), data_or_null<float>(c_prev), c.shape()[0],
                               static_cast<int>(c.shape()[1]), c.data<float>(), h.data<float>(), call.stream()));
}

void lstm_cell_backward(Stream& stream, const Tensor& dh, const Tensor& dc, const Tensor& gates, const Tensor& c_prev,
                        const Tensor& c, Tensor& dgates, Tensor& dc_prev) {
  const Call call("lstm_cell_backward", stream);
  expect_cell(call, gates, c);
  call.expect("dgates", dgates, DType::f32, gates.shape());
  expect_optional(call, "dh", dh, c.shape());
  expect_optional(call, "dc", dc, c.shape());
  expect_optional(call, "c_prev", c_prev, c.shape());
  expect_optional(call, "dc_prev", dc_prev, c.shape());
  const cuda::LstmCellBackward backward{data_or_null<float>(dh),     data_or_null<float>(dc), gates.data<float>(),
                                        data_or_null<float>(c_prev), c.data<float>(),         dgates.data<float>(),
                                        data_or_null<float>(dc_prev)};
  call.require(cuda::lstm_cell_backward(backward, c.shape()[0], static_cast<int>(c.shape()[1]), call.stream()));
}

}  // namespace

void register_sequence(KernelTable& table) {
  table.add<kernels::Embedding>(embedding);
  table.add<kernels::EmbeddingBackward>(embedding_backward);
  table.add<kernels::LstmCell>(lstm_cell);
  table.add<kernels::LstmCellBackward>(lstm_cell_backward);
}

}  // namespace bnas::cuda_backend
