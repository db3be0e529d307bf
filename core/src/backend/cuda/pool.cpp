// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/pool.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/cuda/pool.hpp"

namespace bnas::cuda_backend {
namespace {

Shape x_shape(const Pool2dDims& d) { return {d.n, d.h, d.w, d.c}; }
Shape y_shape(const Pool2dDims& d) { return {d.n, d.oh(), d.ow(), d.c}; }

void max_pool(Stream& stream, const Tensor& x, const Pool2dDims& dims, Tensor& y) {
  const Call call("max_pool", stream);
  call.expect_f32_or_bits("x", x);
  call.expect("x", x, x.dtype(), x_shape(dims));
  call.expect("y", y, x.dtype(), y_shape(dims));
  call.require(x.dtype() == DType::bit ? cuda::max_pool(x.data<Word>(), dims, y.data<Word>(), call.stream())
                                       : cuda::max_pool(x.data<float>(), dims, y.data<float>(), call.stream()));
}

void max_pool_backward(Stream& stream, const Tensor& dy, const Tensor& x, const Pool2dDims& dims, Tensor& dx,
                       GradMode mode) {
  const Call call("max_pool_backward", stream);
  const bool accumulate = mode == GradMode::accumulate;
  call.expect("dy", dy, DType::f32, y_shape(dims));
  call.expect_f32_or_bits("x", x);
  call.expect("x", x, x.dtype(), x_shape(dims));
  call.expect("dx", dx, DType::f32, x_shape(dims));
  call.require(x.dtype() == DType::bit ? cuda::max_pool_backward(dy.data<float>(), x.data<Word>(), dims,
                                                                 dx.data<float>(), accumulate, call.stream())
                                       : cuda::max_pool_backward(dy.data<float>(), x.data<float>(), dims,
                                                                 dx.data<float>(), accumulate, call.stream()));
}

void avg_pool(Stream& stream, const Tensor& x, const Pool2dDims& dims, Tensor& y) {
  const Call call("avg_pool", stream);
  call.expect_f32_or_bits("x", x);
  call.expect("x", x, x.dtype(), x_shape(dims));
  call.expect("y", y, DType::f32, y_shape(dims));
  call.require(x.dtype() == DType::bit ? cuda::avg_pool(x.data<Word>(), dims, y.data<float>(), call.stream())
                                       : cuda::avg_pool(x.data<float>(), dims, y.data<float>(), call.stream()));
}

void avg_pool_backward(Stream& stream, const Tensor& dy, const Pool2dDims& dims, Tensor& dx, GradMode mode) {
  const Call call("avg_pool_backward", stream);
  call.expect("dy", dy, DType::f32, y_shape(dims));
  call.expect("dx", dx, DType::f32, x_shape(dims));
  call.require(
      cuda::avg_pool_backward(dy.data<float>(), dims, dx.data<float>(), mode == GradMode::accumulate, call.stream()));
}

}  // namespace

void register_pool(KernelTable& table) {
  table.add<kernels::MaxPool>(max_pool);
  table.add<kernels::MaxPoolBackward>(max_pool_backward);
  table.add<kernels::AvgPool>(avg_pool);
  table.add<kernels::AvgPoolBackward>(avg_pool_backward);
}

}  // namespace bnas::cuda_backend
