// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/sequence.hpp"

#include "bnas/core/kernels/sequence.hpp"
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/structure.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {

Var embedding(Context& ctx, const Var& table, const Tensor& ids) {
  constexpr const char* kOp = "embedding";
  require_dtype(kOp, "table", table.value, {DType::f32});
  require_rank(kOp, "table", table.value, 2);
  require_dtype(kOp, "ids", ids, {DType::i32});
  require_rank(kOp, "ids", ids, 1);
  Tensor y(ctx.stream, {ids.shape()[0], table.shape()[1]}, DType::f32);
  dispatch<kernels::Embedding>(ctx.stream, table.value, ids, y);
  return ctx.record(kOp, std::move(y), {table}, {ids}, [](BackwardContext& bw) {
    GradSlot dtable = bw.dx(0);
    dispatch<kernels::EmbeddingBackward>(bw.stream(), bw.dy(), bw.saved(0), dtable.tensor, dtable.mode);
  });
}

// The cell has two results, the tape's nodes have one. c is the node that computes; h is a node behind it whose
// backward, which runs first, hands its gradient to c's and adds nothing to dc itself. c's backward then does both.
LstmState lstm_step(Context& ctx, const Var& x, const LstmState& state, const Var& w, const Var& bias) {
  constexpr const char* kOp = "lstm_step";
  require_dtype(kOp, "input", x.value, {DType::f32});
  require_rank(kOp, "input", x.value, 2);
  require_dtype(kOp, "bias", bias.value, {DType::f32});
  require_rank(kOp, "bias", bias.value, 1);
  const std::int64_t n = x.shape()[0], hidden = bias.shape()[0] / 4;
  const Shape state_shape{n, hidden};
  require_shape(kOp, "bias", bias.value, {4 * hidden});
  require_dtype(kOp, "weights", w.value, {DType::f32});
  require_shape(kOp, "weights", w.value, {4 * hidden, x.shape()[1] + hidden});
  for (const Var* part : {&state.h, &state.c}) {
    if (part->value.defined()) {
      require_dtype(kOp, "state", part->value, {DType::f32});
      require_shape(kOp, "state", part->value, state_shape);
    }
  }
  const Var h_prev = state.h.value.defined() ? state.h : Var{Tensor::zeros(ctx.stream, state_shape, DType::f32)};
  const Var pre = dense(ctx, concat_channels(ctx, {x, h_prev}), w, bias);  // (N,4H)
  Tensor gates = pre.value;                                                // dense keeps its inputs only
  Tensor c(ctx.stream, state_shape, DType::f32);
  Tensor h(ctx.stream, state_shape, DType::f32);
  dispatch<kernels::LstmCell>(ctx.stream, gates, state.c.value, c, h);

  const auto handed_dh = std::make_shared<Tensor>();
  LstmState next;
  next.c = ctx.record("lstm_cell", c, {pre, state.c}, {gates, state.c.value, c}, [handed_dh](BackwardContext& bw) {
    const Shape& shape = bw.dy().shape();
    if (!handed_dh->defined()) {
      *handed_dh = Tensor::zeros(bw.stream(), shape, DType::f32);
    }
    Tensor dgates(bw.stream(), bw.saved(0).shape(), DType::f32);
    Tensor dc_prev(bw.stream(), shape, DType::f32);
    dispatch<kernels::LstmCellBackward>(bw.stream(), *handed_dh, bw.dy(), bw.saved(0), bw.saved(1), bw.saved(2), dgates,
                                        dc_prev);
    *handed_dh = Tensor();
    const Tensor* parts[] = {&dgates, &dc_prev};
    for (std::size_t i = 0; i < 2; ++i) {
      if (bw.wants(i)) {
        GradSlot slot = bw.dx(i);
        dispatch<kernels::Scale>(bw.stream(), *parts[i], 1.0F, slot.tensor, slot.mode);
      }
    }
  });
  next.h = ctx.record("lstm_hidden", std::move(h), {next.c}, {}, [handed_dh](BackwardContext& bw) {
    *handed_dh = bw.dy();
    GradSlot dc = bw.dx(0);
    if (dc.mode == GradMode::overwrite) {
      dc.tensor.fill(bw.stream(), 0.0F);
    }
  });
  return next;
}

}  // namespace bnas::ops
