// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/elementwise.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/cuda/channels.hpp"
#include "bnas/cuda/concat_bits.hpp"
#include "bnas/cuda/fill.hpp"
#include "bnas/cuda/transpose.hpp"

namespace bnas::cuda_backend {
namespace {

void fill(Stream& stream, Tensor& y, float value) {
  const Call call("fill", stream);
  call.expect("y", y, DType::f32);
  call.require(cuda::fill(y.data<float>(), y.numel(), value, call.stream()));
}

void copy(Stream& stream, const Tensor& x, Tensor& y) {
  const Call call("copy", stream);
  call.expect("y", y, x.dtype(), x.shape());
  call.require(cuda::copy(x.raw(), x.bytes(), y.raw(), call.stream()));
}

void add(Stream& stream, const Tensor& a, const Tensor& b, Tensor& y) {
  const Call call("add", stream);
  call.expect("a", a, DType::f32);
  call.expect("b", b, DType::f32, a.shape());
  call.expect("y", y, DType::f32, a.shape());
  call.require(cuda::add(a.data<float>(), b.data<float>(), a.numel(), y.data<float>(), call.stream()));
}

void scale(Stream& stream, const Tensor& x, float factor, Tensor& y, GradMode mode) {
  const Call call("scale", stream);
  call.expect("x", x, DType::f32);
  call.expect("y", y, DType::f32, x.shape());
  call.require(
      cuda::scale(x.data<float>(), x.numel(), factor, y.data<float>(), mode == GradMode::accumulate, call.stream()));
}

void transpose(Stream& stream, const Tensor& x, Tensor& y) {
  const Call call("transpose", stream);
  call.expect("x", x, DType::f32);
  const Shape& shape = x.shape();
  if (shape.rank() != 3) {
    call.fail("x has shape " + shape.text() + ", expected rank 3");
  }
  call.expect("y", y, DType::f32, Shape{shape[0], shape[2], shape[1]});
  call.require(cuda::transpose(x.data<float>(), shape[0], static_cast<int>(shape[1]), static_cast<int>(shape[2]),
                               y.data<float>(), call.stream()));
}

void sigmoid(Stream& stream, const Tensor& x, Tensor& y) {
  const Call call("sigmoid", stream);
  call.expect("x", x, DType::f32);
  call.expect("y", y, DType::f32, x.shape());
  call.require(cuda::sigmoid(x.data<float>(), x.numel(), y.data<float>(), call.stream()));
}

void relu(Stream& stream, const Tensor& x, Tensor& y) {
  const Call call("relu", stream);
  call.expect("x", x, DType::f32);
  call.expect("y", y, DType::f32, x.shape());
  call.require(cuda::relu(x.data<float>(), x.numel(), y.data<float>(), call.stream()));
}

void expect_gradient_of_map(const Call& call, const Tensor& dy, const Tensor& y, const Tensor& dx) {
  call.expect("y", y, DType::f32);
  call.expect("dy", dy, DType::f32, y.shape());
  call.expect("dx", dx, DType::f32, y.shape());
}

void sigmoid_backward(Stream& stream, const Tensor& dy, const Tensor& y, Tensor& dx, GradMode mode) {
  const Call call("sigmoid_backward", stream);
  expect_gradient_of_map(call, dy, y, dx);
  call.require(cuda::sigmoid_backward(dy.data<float>(), y.data<float>(), y.numel(), dx.data<float>(),
                                      mode == GradMode::accumulate, call.stream()));
}

void relu_backward(Stream& stream, const Tensor& dy, const Tensor& y, Tensor& dx, GradMode mode) {
  const Call call("relu_backward", stream);
  expect_gradient_of_map(call, dy, y, dx);
  call.require(cuda::relu_backward(dy.data<float>(), y.data<float>(), y.numel(), dx.data<float>(),
                                   mode == GradMode::accumulate, call.stream()));
}

/// Inputs, of type T, as the launchers of concatenations take them.
template <class Input, class T>
std::vector<Input> side_by_side(const std::vector<Tensor>& inputs) {
  std::vector<Input> list;
  list.reserve(inputs.size());
  for (const Tensor& x : inputs) {
    list.push_back({x.data<T>(), x.shape().channels()});
  }
  return list;
}

void concat_channels(Stream& stream, const std::vector<Tensor>& inputs, Tensor& y) {
  const Call call("concat_channels", stream);
  call.expect_f32_or_bits("y", y);
  const std::int64_t rows = y.shape().rows();
  std::int64_t channels = 0;
  for (const Tensor& x : inputs) {
    call.expect("input", x, y.dtype());
    if (x.shape().rows() != rows) {
      call.fail("input is " + x.shape().text() + ", expected " + std::to_string(rows) + " rows");
    }
    channels += x.shape().channels();
  }
  if (channels != y.shape().channels()) {
    call.fail("y is " + y.shape().text() + ", expected " + std::to_string(channels) + " channels");
  }
  const auto count = static_cast<int>(inputs.size());
  if (y.dtype() == DType::bit) {
    const auto list = side_by_side<cuda::PackedInput, Word>(inputs);
    call.require(cuda::concat_bits(list.data(), count, rows, y.data<Word>(), call.stream()));
  } else {
    const auto list = side_by_side<cuda::FloatInput, float>(inputs);
    call.require(cuda::concat_floats(list.data(), count, rows, y.data<float>(), call.stream()));
  }
}

void slice_channels(Stream& stream, const Tensor& dy, std::int64_t begin, Tensor& dx, GradMode mode) {
  const Call call("slice_channels", stream);
  call.expect("dy", dy, DType::f32);
  call.expect("dx", dx, DType::f32);
  const std::int64_t width = dx.shape().channels();
  if (dx.shape().rows() != dy.shape().rows() || begin < 0 || begin + width > dy.shape().channels()) {
    call.fail("dx is " + dx.shape().text() + ", expected a slice of " + dy.shape().text() + " at channel " +
              std::to_string(begin));
  }
  call.require(cuda::slice_channels(dy.data<float>(), dy.shape().rows(), dy.shape().channels(), begin, width,
                                    dx.data<float>(), mode == GradMode::accumulate, call.stream()));
}

}  // namespace

void register_elementwise(KernelTable& table) {
  table.add<kernels::Fill>(fill);
  table.add<kernels::Copy>(copy);
  table.add<kernels::Add>(add);
  table.add<kernels::Transpose>(transpose);
  table.add<kernels::Scale>(scale);
  table.add<kernels::Sigmoid>(sigmoid);
  table.add<kernels::SigmoidBackward>(sigmoid_backward);
  table.add<kernels::Relu>(relu);
  table.add<kernels::ReluBackward>(relu_backward);
  table.add<kernels::ConcatChannels>(concat_channels);
  table.add<kernels::SliceChannels>(slice_channels);
}

}  // namespace bnas::cuda_backend
