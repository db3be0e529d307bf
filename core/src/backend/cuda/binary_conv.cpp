// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/core/kernels/conv.hpp"
#include "bnas/cuda/binary_conv2d.hpp"
#include "bnas/cuda/binary_depthwise_conv2d.hpp"

namespace bnas::cuda_backend {
namespace {

void binary_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y, Tensor& sums) {
  Call call("binary_conv2d", stream);
  call.expect("x", x, DType::bit, Shape{dims.n, dims.h, dims.w, dims.c});
  call.expect("w", w, DType::bit, Shape{dims.o, dims.kh, dims.kw, dims.c});
  call.expect("y", y, dot_dtype(dims.k()), Shape{dims.n, dims.oh(), dims.ow(), dims.o});
  const cuda::BinaryConvPlan plan = cuda::plan_binary_conv2d(dims, call.owner().compute_capability());
  call.require(plan.status);
  if (!sums.defined()) {
    return call.require(cuda::binary_conv2d(plan, x.data<Word>(), w.data<Word>(), y.raw(), nullptr, call.stream()));
  }
  call.expect("sums", sums, DType::u8, sums_shape(dims.o));
  call.require(cuda::binary_conv2d(plan, x.data<Word>(), w.data<Word>(), y.raw(),
                                   static_cast<std::int64_t*>(sums.raw()), call.scratch(0), call.stream()));
}

void binary_depthwise_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y) {
  const Call call("binary_depthwise_conv2d", stream);
  call.expect("x", x, DType::bit, Shape{dims.n, dims.h, dims.w, dims.c});
  call.expect("w", w, DType::bit, Shape{dims.kh, dims.kw, dims.c});
  call.expect("y", y, dot_dtype(dims.kh * dims.kw), Shape{dims.n, dims.oh(), dims.ow(), dims.c});
  const cuda::BinaryDepthwisePlan plan = cuda::plan_binary_depthwise_conv2d(dims, call.owner().compute_capability());
  call.require(plan.status);
  call.require(cuda::binary_depthwise_conv2d(plan, x.data<Word>(), w.data<Word>(), y.raw(), call.stream()));
}

}  // namespace

void register_binary_conv(KernelTable& table) {
  table.add<kernels::BinaryConv2d>(binary_conv2d);
  table.add<kernels::BinaryDepthwiseConv2d>(binary_depthwise_conv2d);
}

}  // namespace bnas::cuda_backend
