// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/mixture.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/core/kernels/mixture.hpp"
#include "bnas/cuda/channel_maps.hpp"
#include "bnas/cuda/pixel_grid.hpp"

namespace bnas::cuda_backend {
namespace {

cuda::NumberType number_type(const Call& call, const char* name, const Tensor& x) {
  call.expect_number(name, x);
  return x.dtype() == DType::f32   ? cuda::NumberType::f32
         : x.dtype() == DType::i32 ? cuda::NumberType::i32
         : x.dtype() == DType::i16 ? cuda::NumberType::i16
                                   : cuda::NumberType::i8;
}

cuda::Matrix size_of(const Tensor& x) { return {x.shape().rows(), x.shape().channels()}; }

bool added(GradMode mode) { return mode == GradMode::accumulate; }

void scale_channels(Stream& stream, const Tensor& x, const Tensor& scale, Tensor& y, GradMode mode) {
  const Call call("scale_channels", stream);
  const cuda::NumberType type = number_type(call, "x", x);
  call.expect("scale", scale, DType::f32, Shape{x.shape().channels()});
  call.expect("y", y, DType::f32, x.shape());
  call.require(cuda::scale_channels(x.raw(), type, scale.data<float>(), size_of(x), y.data<float>(), added(mode),
                                    call.stream()));
}

void dot_channels(Stream& stream, const Tensor& a, const Tensor& b, Tensor& dot, GradMode mode) {
  Call call("dot_channels", stream);
  call.expect("a", a, DType::f32, b.shape());
  const cuda::NumberType type = number_type(call, "b", b);
  call.expect("dot", dot, DType::f32, Shape{a.shape().channels()});
  const cuda::Scratch scratch = call.scratch(cuda::channel_sums_workspace_bytes(size_of(a)));
  call.require(cuda::dot_channels(a.data<float>(), b.raw(), type, size_of(a), dot.data<float>(), added(mode), scratch,
                                  call.stream()));
}

void prelu(Stream& stream, const Tensor& x, const Tensor& slope, Tensor& y) {
  const Call call("prelu", stream);
  call.expect("x", x, DType::f32);
  call.expect("slope", slope, DType::f32, Shape{x.shape().channels()});
  call.expect("y", y, DType::f32, x.shape());
  call.require(cuda::prelu(x.data<float>(), slope.data<float>(), size_of(x), y.data<float>(), call.stream()));
}

void prelu_backward(Stream& stream, const Tensor& dy, const Tensor& x, const Tensor& slope, Tensor& dx, GradMode mode) {
  const Call call("prelu_backward", stream);
  call.expect("x", x, DType::f32);
  call.expect("dy", dy, DType::f32, x.shape());
  call.expect("slope", slope, DType::f32, Shape{x.shape().channels()});
  call.expect("dx", dx, DType::f32, x.shape());
  call.require(cuda::prelu_backward(dy.data<float>(), x.data<float>(), slope.data<float>(), size_of(x),
                                    dx.data<float>(), added(mode), call.stream()));
}

void prelu_slope_backward(Stream& stream, const Tensor& dy, const Tensor& x, Tensor& dslope, GradMode mode) {
  Call call("prelu_slope_backward", stream);
  call.expect("x", x, DType::f32);
  call.expect("dy", dy, DType::f32, x.shape());
  call.expect("dslope", dslope, DType::f32, Shape{x.shape().channels()});
  const cuda::Scratch scratch = call.scratch(cuda::channel_sums_workspace_bytes(size_of(x)));
  call.require(cuda::prelu_slope_backward(dy.data<float>(), x.data<float>(), size_of(x), dslope.data<float>(),
                                          added(mode), scratch, call.stream()));
}

/// Softmaxes of alpha alone, where there is no beta.
cuda::Mixture softmaxes(const Call& call, const Tensor& alpha, const Tensor& alive, float temperature) {
  call.expect("alpha", alpha, DType::f32);
  call.expect("alive", alive, DType::f32, alpha.shape());
  cuda::Mixture mixture;
  mixture.alpha = alpha.data<float>();
  mixture.alive = alive.data<float>();
  mixture.edges = static_cast<int>(alpha.shape().rows());
  mixture.operations = static_cast<int>(alpha.shape().channels());
  mixture.temperature = temperature;
  return mixture;
}

cuda::Mixture mixture_of(const Call& call, const Tensor& alpha, const Tensor& beta, const Tensor& alive,
                         const MixtureRule& rule, const char* name, const Tensor& weights) {
  cuda::Mixture mixture = softmaxes(call, alpha, alive, rule.temperature);
  const auto edges = static_cast<std::int64_t>(rule.groups.size());
  call.expect("beta", beta, DType::f32, Shape{edges});
  call.expect(name, weights, DType::f32, Shape{edges, alpha.shape().channels() + 1});
  if (alpha.shape().rows() != edges) {
    call.fail("alpha is " + alpha.shape().text() + ", expected " + std::to_string(edges) + " rows");
  }
  mixture.beta = beta.data<float>();
  mixture.edge_weights = rule.edge_weights;
  mixture.groups = rule.groups.data();
  return mixture;
}

void mixture_weights(Stream& stream, const Tensor& alpha, const Tensor& beta, const Tensor& alive,
                     const MixtureRule& rule, Tensor& y) {
  const Call call("mixture_weights", stream);
  const cuda::Mixture mixture = mixture_of(call, alpha, beta, alive, rule, "y", y);
  call.require(cuda::mixture_weights(mixture, y.data<float>(), call.stream()));
}

void mixture_weights_backward(Stream& stream, const Tensor& dy, const Tensor& alpha, const Tensor& beta,
                              const Tensor& alive, const MixtureRule& rule, Tensor& dalpha, GradMode alpha_mode,
                              Tensor& dbeta, GradMode beta_mode) {
  const Call call("mixture_weights_backward", stream);
  const cuda::Mixture mixture = mixture_of(call, alpha, beta, alive, rule, "dy", dy);
  call.require(cuda::mixture_weights_backward(mixture, dy.data<float>(), data_or_null<float>(dalpha), added(alpha_mode),
                                              data_or_null<float>(dbeta), added(beta_mode), call.stream()));
}

void entropy_gradient(Stream& stream, const Tensor& alpha, const Tensor& alive, float temperature, float weight,
                      Tensor& dalpha, GradMode mode) {
  const Call call("entropy_gradient", stream);
  call.expect("dalpha", dalpha, DType::f32, alpha.shape());
  call.require(cuda::entropy_gradient(softmaxes(call, alpha, alive, temperature), weight, dalpha.data<float>(),
                                      added(mode), call.stream()));
}

void expect_entry(const Call& call, const Tensor& table, std::int64_t index) {
  call.expect("table", table, DType::f32);
  if (index < 0 || index >= table.numel()) {
    call.fail("table is " + table.shape().text() + ", expected an entry " + std::to_string(index));
  }
}

void broadcast_entry(Stream& stream, const Tensor& table, std::int64_t index, Tensor& y) {
  const Call call("broadcast_entry", stream);
  expect_entry(call, table, index);
  call.expect("y", y, DType::f32);
  call.require(cuda::broadcast_entry(table.data<float>() + index, y.numel(), y.data<float>(), call.stream()));
}

void broadcast_entry_backward(Stream& stream, const Tensor& dy, std::int64_t index, Tensor& dtable, GradMode mode) {
  const Call call("broadcast_entry_backward", stream);
  expect_entry(call, dtable, index);
  call.expect("dy", dy, DType::f32);
  call.require(cuda::broadcast_entry_backward(dy.data<float>(), dy.numel(), index, dtable.numel(), dtable.data<float>(),
                                              added(mode), call.stream()));
}

void place_channels(Stream& stream, const Tensor& dy, std::int64_t begin, Tensor& dx, GradMode mode) {
  const Call call("place_channels", stream);
  call.expect("dy", dy, DType::f32);
  call.expect("dx", dx, DType::f32);
  if (dx.shape().rows() != dy.shape().rows()) {
    call.fail("dy is " + dy.shape().text() + ", expected a slice of " + dx.shape().text());
  }
  call.require(cuda::place_channels(dy.data<float>(), begin, dy.shape().channels(), size_of(dx), dx.data<float>(),
                                    added(mode), call.stream()));
}

void shuffle_channels(Stream& stream, const Tensor& x, std::int64_t groups, Tensor& y, GradMode mode) {
  const Call call("shuffle_channels", stream);
  call.expect("x", x, DType::f32);
  call.expect("y", y, DType::f32, x.shape());
  call.require(
      cuda::shuffle_channels(x.data<float>(), groups, size_of(x), y.data<float>(), added(mode), call.stream()));
}

cuda::PixelGridDims dims_of(const Call& call, const Tensor& whole, const PixelGrid& grid, const Tensor& part) {
  const Shape& s = whole.shape();
  if (s.rank() != 4 || grid.stride < 1) {
    call.fail("the image is " + s.text() + ", expected (N,H,W,C)");
  }
  call.expect("part", part, whole.dtype(),
              Shape{s[0], grid.count(s[1], grid.begin_h), grid.count(s[2], grid.begin_w), s[3]});
  return {s[0], s[1], s[2], grid.stride, grid.begin_h, grid.begin_w};
}

std::int64_t pixel_bytes(const Tensor& x) {
  const std::int64_t rows = x.shape().rows();
  return rows == 0 ? 0 : static_cast<std::int64_t>(x.bytes()) / rows;
}

void take_pixels(Stream& stream, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode) {
  const Call call("take_pixels", stream);
  const cuda::PixelGridDims dims = dims_of(call, x, grid, y);
  call.require(added(mode)
                   ? cuda::add_taken_pixels(x.data<float>(), dims, x.shape().channels(), y.data<float>(), call.stream())
                   : cuda::take_pixels(x.raw(), dims, pixel_bytes(x), y.raw(), call.stream()));
}

void put_pixels(Stream& stream, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode) {
  const Call call("put_pixels", stream);
  const cuda::PixelGridDims dims = dims_of(call, y, grid, x);
  call.require(added(mode)
                   ? cuda::add_put_pixels(x.data<float>(), dims, x.shape().channels(), y.data<float>(), call.stream())
                   : cuda::put_pixels(x.raw(), dims, pixel_bytes(x), y.raw(), call.stream()));
}

void drop_samples(Stream& stream, const Tensor& x, const Tensor& step, std::uint64_t site, float rate, Tensor& y,
                  GradMode mode) {
  const Call call("drop_samples", stream);
  call.expect("x", x, DType::f32);
  call.expect("y", y, DType::f32, x.shape());
  const std::int64_t samples = x.shape()[0];
  call.require(cuda::drop_samples(x.data<float>(), samples, samples == 0 ? 0 : x.numel() / samples, call.step(step),
                                  site, rate, y.data<float>(), added(mode), call.stream()));
}

}  // namespace

void register_mixture(KernelTable& table) {
  table.add<kernels::ScaleChannels>(scale_channels);
  table.add<kernels::DotChannels>(dot_channels);
  table.add<kernels::Prelu>(prelu);
  table.add<kernels::PreluBackward>(prelu_backward);
  table.add<kernels::PreluSlopeBackward>(prelu_slope_backward);
  table.add<kernels::MixtureWeights>(mixture_weights);
  table.add<kernels::MixtureWeightsBackward>(mixture_weights_backward);
  table.add<kernels::EntropyGradient>(entropy_gradient);
  table.add<kernels::BroadcastEntry>(broadcast_entry);
  table.add<kernels::BroadcastEntryBackward>(broadcast_entry_backward);
  table.add<kernels::PlaceChannels>(place_channels);
  table.add<kernels::ShuffleChannels>(shuffle_channels);
  table.add<kernels::TakePixels>(take_pixels);
  table.add<kernels::PutPixels>(put_pixels);
  table.add<kernels::DropSamples>(drop_samples);
}

}  // namespace bnas::cuda_backend
