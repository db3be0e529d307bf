// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/linear.hpp"

#include "bnas/core/kernels/conv.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

void require_operands(const char* op, const Var& x, const Var& w) {
  require_dtype(op, "input", x.value, {DType::f32});
  require_dtype(op, "weights", w.value, {DType::f32, DType::bit});
}

template <class Forward, class BackwardInput, class BackwardWeight>
Var convolve(Context& ctx, const char* op, const Var& x, const Var& w, const Conv2dDims& dims) {
  Tensor y(ctx.stream, {dims.n, dims.oh(), dims.ow(), dims.o}, DType::f32);
  dispatch<Forward>(ctx.stream, x.value, w.value, dims, y);
  std::vector<Saved> saved{for_gradient_of(ctx, w, x), for_gradient_of(ctx, x, w)};
  return ctx.record(op, std::move(y), {x, w}, std::move(saved), [dims](BackwardContext& bw) {
    if (bw.wants(0)) {
      GradSlot dx = bw.dx(0);
      dispatch<BackwardInput>(bw.stream(), bw.dy(), bw.saved(1), dims, dx.tensor, dx.mode);
    }
    if (bw.wants(1)) {
      GradSlot dw = bw.dx(1);
      dispatch<BackwardWeight>(bw.stream(), bw.dy(), bw.saved(0), dims, dw.tensor, dw.mode);
    }
  });
}

}  // namespace

Var conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry) {
  require_operands("conv2d", x, w);
  return convolve<kernels::Conv2d, kernels::Conv2dBackwardInput, kernels::Conv2dBackwardWeight>(
      ctx, "conv2d", x, w, conv2d_dims("conv2d", x.shape(), w.shape(), geometry));
}

Var depthwise_conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry) {
  constexpr const char* kOp = "depthwise_conv2d";
  require_operands(kOp, x, w);
  return convolve<kernels::DepthwiseConv2d, kernels::DepthwiseConv2dBackwardInput,
                  kernels::DepthwiseConv2dBackwardWeight>(ctx, kOp, x, w,
                                                          depthwise_dims(kOp, x.shape(), w.shape(), geometry));
}

Var dense(Context& ctx, const Var& x, const Var& w, const Var& bias) {
  constexpr const char* kOp = "dense";
  require_operands(kOp, x, w);
  require_rank(kOp, "input", x.value, 2);
  require_rank(kOp, "weights", w.value, 2);
  const std::int64_t n = x.shape()[0], c = x.shape()[1], o = w.shape()[0];
  require_shape(kOp, "weights", w.value, {o, c});
  Tensor y(ctx.stream, {n, o}, DType::f32);
  dispatch<kernels::Gemm>(ctx.stream, x.value, false, as_float(ctx.stream, w.value), true, y, GradMode::overwrite);
  if (bias.value.defined()) {
    require_dtype(kOp, "bias", bias.value, {DType::f32});
    require_shape(kOp, "bias", bias.value, {o});
    dispatch<kernels::AddBias>(ctx.stream, y, bias.value, y);
  }
  // dx = dy w, dw = dy^T x, dbias = sum of dy over rows.
  return ctx.record(kOp, std::move(y), {x, w, bias}, {Saved(x), Saved(w)}, [](BackwardContext& bw) {
    if (bw.wants(0)) {
      GradSlot dx = bw.dx(0);
      dispatch<kernels::Gemm>(bw.stream(), bw.dy(), false, as_float(bw.stream(), bw.saved(1)), false, dx.tensor,
                              dx.mode);
    }
    if (bw.wants(1)) {
      GradSlot dw = bw.dx(1);
      dispatch<kernels::Gemm>(bw.stream(), bw.dy(), true, bw.saved(0), false, dw.tensor, dw.mode);
    }
    if (bw.wants(2)) {
      GradSlot dbias = bw.dx(2);
      dispatch<kernels::SumRows>(bw.stream(), bw.dy(), dbias.tensor, dbias.mode);
    }
  });
}

}  // namespace bnas::ops
