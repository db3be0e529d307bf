// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/sign.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/core/kernels/elementwise.hpp"

namespace bnas::cuda_backend {
namespace {

void to_float(Stream& stream, const Tensor& x, Tensor& y) {
  const Call call("to_float", stream);
  call.expect("y", y, DType::f32, x.shape());
  const std::int64_t n = x.numel();
  auto* out = y.data<float>();
  switch (x.dtype()) {
    case DType::f32:
      return require(cudaMemcpyAsync(out, x.raw(), x.bytes(), cudaMemcpyDeviceToDevice, call.stream()), "to_float",
                     call.owner().device_index());
    case DType::i32:
      return call.require(cuda::to_float(x.data<std::int32_t>(), n, out, call.stream()));
    case DType::i16:
      return call.require(cuda::to_float(x.data<std::int16_t>(), n, out, call.stream()));
    case DType::i8:
      return call.require(cuda::to_float(x.data<std::int8_t>(), n, out, call.stream()));
    case DType::u8:
      return call.require(cuda::to_float(x.data<std::uint8_t>(), n, out, call.stream()));
    case DType::bit:
      return call.require(cuda::unpack(x.data<Word>(), x.shape().rows(), x.shape().channels(), out, call.stream()));
    default:
      call.fail(std::string("x is ") + dtype_name(x.dtype()));
  }
}

template <class T>
void sign_of(const Call& call, const Tensor& x, Tensor& bits, Tensor& mask) {
  call.require(cuda::sign(x.data<T>(), x.shape().rows(), x.shape().channels(), bits.data<Word>(),
                          data_or_null<Word>(mask), call.stream()));
}

void sign(Stream& stream, const Tensor& x, Tensor& bits, Tensor& mask) {
  const Call call("sign", stream);
  call.expect_number("x", x);
  call.expect("bits", bits, DType::bit, x.shape());
  if (mask.defined()) {
    call.expect("mask", mask, DType::bit, x.shape());
  }
  switch (x.dtype()) {
    case DType::i32:
      return sign_of<std::int32_t>(call, x, bits, mask);
    case DType::i16:
      return sign_of<std::int16_t>(call, x, bits, mask);
    case DType::i8:
      return sign_of<std::int8_t>(call, x, bits, mask);
    default:
      return sign_of<float>(call, x, bits, mask);
  }
}

void mask_backward(Stream& stream, const Tensor& dy, const Tensor& mask, Tensor& dx, GradMode mode) {
  const Call call("mask_backward", stream);
  call.expect("dy", dy, DType::f32);
  call.expect("mask", mask, DType::bit, dy.shape());
  call.expect("dx", dx, DType::f32, dy.shape());
  call.require(cuda::mask_backward(dy.data<float>(), mask.data<Word>(), dy.shape().rows(), dy.shape().channels(),
                                   dx.data<float>(), mode == GradMode::accumulate, call.stream()));
}

void sign_backward(Stream& stream, const Tensor& dy, const Tensor& x, PseudoGradient kind, Tensor& dx, GradMode mode) {
  const Call call("sign_backward", stream);
  call.expect("x", x, DType::f32);
  call.expect("dy", dy, DType::f32, x.shape());
  call.expect("dx", dx, DType::f32, x.shape());
  call.require(cuda::sign_backward(dy.data<float>(), x.data<float>(), x.numel(), kind, dx.data<float>(),
                                   mode == GradMode::accumulate, call.stream()));
}

}  // namespace

void register_sign(KernelTable& table) {
  table.add<kernels::ToFloat>(to_float);
  table.add<kernels::Sign>(sign);
  table.add<kernels::MaskBackward>(mask_backward);
  table.add<kernels::SignBackward>(sign_backward);
}

}  // namespace bnas::cuda_backend
