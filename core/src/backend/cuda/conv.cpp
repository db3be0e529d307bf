// SPDX-License-Identifier: Apache-2.0
// Convolutions of floats, gradients of all convolutions, matrix products.
#include "bnas/core/kernels/conv.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/cuda/conv2d.hpp"
#include "bnas/cuda/gemm.hpp"
#include "bnas/cuda/rows.hpp"

namespace bnas::cuda_backend {
namespace {

Shape x_shape(const Conv2dDims& d) { return {d.n, d.h, d.w, d.c}; }
Shape y_shape(const Conv2dDims& d) { return {d.n, d.oh(), d.ow(), d.o}; }
Shape w_shape(const Conv2dDims& d, bool depthwise) {
  return depthwise ? Shape{d.kh, d.kw, d.c} : Shape{d.o, d.kh, d.kw, d.c};
}

cuda::Operand operand(const Tensor& tensor) {
  return tensor.dtype() == DType::bit ? cuda::Operand(tensor.data<Word>()) : cuda::Operand(tensor.data<float>());
}

/// Plans and runs one pass; `launch(plan, scratch, handles)` gives its status.
template <class Launch>
void run(Call& call, const cuda::Conv2dProblem& problem, Launch launch) {
  CudaStream& stream = call.owner();
  // Packed operands never go to cuDNN, so that their networks need no library.
  const cuda::Handles* handles = problem.bits || problem.depthwise ? nullptr : &stream.handles();
  cuda::Conv2dPlan plan;
  call.require(cuda::plan_conv2d(
      problem, {.compute_capability = stream.compute_capability(), .method = {}, .handles = handles, .policy = {}},
      &plan));
  call.require(launch(plan, call.scratch(plan.workspace_bytes), handles));
}

template <class Op, bool kDepthwise>
void forward(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y) {
  Call call(Op::name, stream);
  call.expect("x", x, DType::f32, x_shape(dims));
  call.expect_f32_or_bits("w", w);
  call.expect("w", w, w.dtype(), w_shape(dims, kDepthwise));
  call.expect("y", y, DType::f32, y_shape(dims));
  run(call, {cuda::Conv2dPass::forward, dims, w.dtype() == DType::bit, kDepthwise},
      [&](const cuda::Conv2dPlan& plan, const cuda::Scratch& scratch, const cuda::Handles* handles) {
        return cuda::conv2d(plan, x.data<float>(), operand(w), y.data<float>(), scratch, call.stream(), handles);
      });
}

template <class Op, bool kDepthwise>
void backward_input(Stream& stream, const Tensor& dy, const Tensor& w, const Conv2dDims& dims, Tensor& dx,
                    GradMode mode) {
  Call call(Op::name, stream);
  call.expect("dy", dy, DType::f32, y_shape(dims));
  call.expect_f32_or_bits("w", w);
  call.expect("w", w, w.dtype(), w_shape(dims, kDepthwise));
  call.expect("dx", dx, DType::f32, x_shape(dims));
  run(call, {cuda::Conv2dPass::backward_input, dims, w.dtype() == DType::bit, kDepthwise},
      [&](const cuda::Conv2dPlan& plan, const cuda::Scratch& scratch, const cuda::Handles* handles) {
        return cuda::conv2d_backward_input(plan, dy.data<float>(), operand(w), dx.data<float>(),
                                           mode == GradMode::accumulate, scratch, call.stream(), handles);
      });
}

template <class Op, bool kDepthwise>
void backward_weight(Stream& stream, const Tensor& dy, const Tensor& x, const Conv2dDims& dims, Tensor& dw,
                     GradMode mode) {
  Call call(Op::name, stream);
  call.expect("dy", dy, DType::f32, y_shape(dims));
  call.expect_f32_or_bits("x", x);
  call.expect("x", x, x.dtype(), x_shape(dims));
  call.expect("dw", dw, DType::f32, w_shape(dims, kDepthwise));
  run(call, {cuda::Conv2dPass::backward_weight, dims, x.dtype() == DType::bit, kDepthwise},
      [&](const cuda::Conv2dPlan& plan, const cuda::Scratch& scratch, const cuda::Handles* handles) {
        return cuda::conv2d_backward_weight(plan, dy.data<float>(), operand(x), dw.data<float>(),
                                            mode == GradMode::accumulate, scratch, call.stream(), handles);
      });
}

void gemm(Stream& stream, const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c,
          GradMode mode) {
  const Call call("gemm", stream);
  for (const auto& [name, tensor] : {std::pair<const char*, const Tensor*>{"a", &a}, {"b", &b}, {"c", &c}}) {
    call.expect(name, *tensor, DType::f32);
    if (tensor->shape().rank() != 2) {
      call.fail(std::string(name) + " has shape " + tensor->shape().text() + ", expected a matrix");
    }
  }
  const std::int64_t m = a.shape()[transpose_a ? 1 : 0], k = a.shape()[transpose_a ? 0 : 1];
  const std::int64_t n = b.shape()[transpose_b ? 0 : 1];
  call.expect("b", b, DType::f32, transpose_b ? Shape{n, k} : Shape{k, n});
  call.expect("c", c, DType::f32, Shape{m, n});
  call.require(cuda::gemm(call.owner().handles(), static_cast<int>(m), static_cast<int>(n), static_cast<int>(k),
                          a.data<float>(), transpose_a, b.data<float>(), transpose_b, c.data<float>(),
                          mode == GradMode::accumulate));
}

void add_bias(Stream& stream, const Tensor& x, const Tensor& bias, Tensor& y) {
  const Call call("add_bias", stream);
  call.expect("x", x, DType::f32);
  call.expect("bias", bias, DType::f32, Shape{x.shape().channels()});
  call.expect("y", y, DType::f32, x.shape());
  call.require(cuda::add_bias(x.data<float>(), bias.data<float>(), x.shape().rows(),
                              static_cast<int>(x.shape().channels()), y.data<float>(), call.stream()));
}

void sum_rows(Stream& stream, const Tensor& dy, Tensor& dbias, GradMode mode) {
  const Call call("sum_rows", stream);
  call.expect("dy", dy, DType::f32);
  call.expect("dbias", dbias, DType::f32, Shape{dy.shape().channels()});
  call.require(cuda::sum_rows(dy.data<float>(), dy.shape().rows(), static_cast<int>(dy.shape().channels()),
                              dbias.data<float>(), mode == GradMode::accumulate, call.stream()));
}

}  // namespace

void register_conv(KernelTable& table) {
  using namespace kernels;
  table.add<Conv2d>(forward<Conv2d, false>);
  table.add<Conv2dBackwardInput>(backward_input<Conv2dBackwardInput, false>);
  table.add<Conv2dBackwardWeight>(backward_weight<Conv2dBackwardWeight, false>);
  table.add<DepthwiseConv2d>(forward<DepthwiseConv2d, true>);
  table.add<DepthwiseConv2dBackwardInput>(backward_input<DepthwiseConv2dBackwardInput, true>);
  table.add<DepthwiseConv2dBackwardWeight>(backward_weight<DepthwiseConv2dBackwardWeight, true>);
  table.add<Gemm>(gemm);
  table.add<AddBias>(add_bias);
  table.add<SumRows>(sum_rows);
}

}  // namespace bnas::cuda_backend
