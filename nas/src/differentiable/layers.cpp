// SPDX-License-Identifier: Apache-2.0
#include "differentiable/layers.hpp"

#include "bnas/core/error.hpp"
#include "bnas/core/kernels/weights.hpp"
#include "bnas/core/nn/binarized_weights.hpp"
#include "bnas/core/nn/init.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/structure.hpp"
#include "bnas/core/ops/weights.hpp"

namespace bnas::nas {
namespace {

std::int64_t filters(const ConvSpec& spec) { return spec.depthwise ? spec.in : spec.out; }

/// Weights of one filter.
std::int64_t filter_size(const ConvSpec& spec) {
  return std::int64_t{spec.kernel} * spec.kernel * (spec.depthwise ? 1 : spec.in);
}

nn::Parameter make_weight(Stream& stream, const std::string& name, const ConvSpec& spec, bool binary,
                          const RandomKey& key) {
  const std::int64_t k = spec.kernel;
  const Shape shape = spec.depthwise ? Shape{k, k, spec.in} : Shape{spec.out, k, k, spec.in};
  const std::int64_t fan_in = filter_size(spec), fan_out = k * k * (spec.depthwise ? 1 : spec.out);
  nn::Parameter weight =
      nn::uniform_parameter(stream, name, binary ? nn::ParamRole::latent_binary : nn::ParamRole::real, shape, key,
                            binary ? 1.0F : nn::glorot_limit(fan_in, fan_out));
  weight.fan_in = fan_in;
  weight.fan_out = fan_out;
  return weight;
}

}  // namespace

const Var& ReadImage::grid(Context& ctx, const PixelGrid& grid) {
  Var& pixels = grids_[{grid.stride, grid.begin_h, grid.begin_w}];
  if (!pixels.value.defined()) {
    pixels = ops::take_pixels(ctx, whole_, grid);
  }
  return pixels;
}

WeightedConv::WeightedConv(Stream& stream, const std::string& name, const ConvSpec& spec, const CellStyle& style,
                           bool binary, bool amplitudes, const RandomKey& key)
    : spec_(spec),
      optimizer_(style.weights),
      pad_(style.pad),
      binary_(binary),
      amplitudes_(amplitudes),
      weight_(make_weight(stream, name + ".weight", spec, binary, key.derive(0))) {
  check(spec.dilation == 1 || spec.stride == 1 || spec.stride == spec.dilation, "conv",
        "a dilated convolution has stride 1 or its dilation");
  if (!binary || optimizer_.method != WeightMethod::pcnn) {
    return;
  }
  if (optimizer_.form == PcnnForm::matrix) {
    partner_ = nn::constant_parameter(stream, name + ".projection", {spec.kernel, spec.kernel}, 1.0F);
  } else {  // starts near the amplitude of the latent weights, rather than at random, where a filter could vanish
    partner_ = nn::constant_parameter(stream, name + ".amplitude", {filters(spec)}, 0.5F / optimizer_.amplitude.unit);
  }
}

void WeightedConv::parameters(const Visit& visit) {
  visit(weight_);
  if (partner_.value.defined()) {
    visit(partner_);
  }
}

void WeightedConv::center(Stream& stream) {
  if (binary_ && optimizer_.center() && !spec_.depthwise && spec_.in > 1) {
    dispatch<kernels::CenterWeights>(stream, weight_.value);
  }
}

void WeightedConv::packed(Stream& stream, const VisitPacked& visit) {
  Context ctx{stream};
  const Weights w = weights(ctx);
  visit(binary_ ? weight_.name + "_bits" : weight_.name, w.value.value);
  if (amplitudes_ && w.amplitude.value.defined()) {
    visit(weight_.name + "_scale", w.amplitude.value);
  }
}

/// n is the filter's size, f = 1 - 1 / Cin the share that centering leaves of a gradient; a sign's gradient is a times
/// that of its weight. constant: gate / a; corrected: gate n f, and n f of the amplitude's derivative;
/// paper: (gate + 1 / (a n)) n f.
WeightedConv::Weights WeightedConv::xnor_weights(Context& ctx) {
  const Var w = nn::use(ctx, weight_);
  const auto n = static_cast<float>(filter_size(spec_));
  const bool centered = optimizer_.center() && !spec_.depthwise && spec_.in > 1;
  const float f = centered ? 1.0F - 1.0F / static_cast<float>(spec_.in) : 1.0F;
  SignRule rule;
  switch (optimizer_.gradient) {
    case XnorGradient::constant:
      rule = {0.0F, 1.0F, 0.0F, false};
      break;
    case XnorGradient::corrected:
      rule = {n * f, 0.0F, 0.0F, false};
      break;
    case XnorGradient::paper:
      rule = {n * f, 0.0F, f, true};
      break;
  }
  const bool differentiable = amplitudes_ && optimizer_.gradient == XnorGradient::corrected;
  const Var amplitude = ops::filter_scale(ctx, w, ops::ScaleScope::filter, differentiable ? n * f : 0.0F);
  return {ops::latent_sign(ctx, w, amplitude.value, rule), amplitude};
}

WeightedConv::Weights WeightedConv::pcnn_weights(Context& ctx) {
  const Var w = nn::use(ctx, weight_), partner = nn::use(ctx, partner_);
  if (optimizer_.form == PcnnForm::matrix) {
    const Var one = ops::filter_scale(ctx, w, ops::ScaleScope::layer, 0.0F);
    const Var bits = ops::projected_sign(ctx, w, partner, one.value, optimizer_.projection);
    return {bits, amplitudes_ ? ops::broadcast_entry(ctx, one, 0, filters(spec_)) : one};
  }
  // unit |m|, a constant here: its gradient is amplitude_sign's.
  const Var m{partner.value.reshaped({filters(spec_), 1, 1, 1})};
  const Var size = ops::filter_scale(ctx, m, ops::ScaleScope::filter, 0.0F);
  Tensor amplitude(ctx.stream, size.shape(), DType::f32);
  dispatch<kernels::Scale>(ctx.stream, size.value, optimizer_.amplitude.unit, amplitude, GradMode::overwrite);
  return {ops::amplitude_sign(ctx, w, partner, optimizer_.amplitude), Var{amplitude}};
}

WeightedConv::Weights WeightedConv::weights(Context& ctx) {
  if (!binary_) {
    return {nn::use(ctx, weight_), {}};
  }
  switch (optimizer_.method) {
    case WeightMethod::none:
      return {nn::weight_bits(ctx, weight_, PseudoGradient::ste_sign), {}};
    case WeightMethod::xnor:
      return xnor_weights(ctx);
    case WeightMethod::pcnn:
      return pcnn_weights(ctx);
  }
  throw Error(ErrorKind::internal, "[conv] unknown weight optimizer");
}

Var WeightedConv::convolve(Context& ctx, const Var& x, const Var& w, int stride) const {
  const int pad = (spec_.kernel - 1) / 2;
  const AxisPad both = spec_.shifted ? AxisPad{-1, 1} : AxisPad{pad, pad};
  ops::Geometry geometry = ops::Geometry::explicit_pad(stride, both, both);
  geometry.pad_value = pad_;
  if (x.value.dtype() == DType::bit && w.value.dtype() == DType::bit) {
    return spec_.depthwise ? ops::binary_depthwise_conv2d(ctx, x, w, geometry)
                           : ops::binary_conv2d(ctx, x, w, geometry);
  }
  const Var real = ops::to_float(ctx, x);
  return spec_.depthwise ? ops::depthwise_conv2d(ctx, real, w, geometry) : ops::conv2d(ctx, real, w, geometry);
}

/// A window with gaps sees every dilation-th pixel: an image falls into dilation^2 images on which the same window has
/// none. Stride = dilation needs the first of them alone.
Var WeightedConv::dilated(Context& ctx, ReadImage& image, const Var& w) const {
  const int d = spec_.dilation;
  if (spec_.stride == d) {
    return convolve(ctx, image.grid(ctx, {d, 0, 0}), w, 1);
  }
  const std::int64_t h = image.whole().shape()[1], width = image.whole().shape()[2];
  std::vector<Var> parts;
  for (int i = 0; i < d && i < h; ++i) {
    for (int j = 0; j < d && j < width; ++j) {
      parts.push_back(convolve(ctx, image.grid(ctx, {d, i, j}), w, 1));
    }
  }
  return ops::merge_pixels(ctx, parts, d, h, width);
}

Var WeightedConv::forward(Context& ctx, const Var& x) {
  ReadImage image(x);
  return forward(ctx, image);
}

Var WeightedConv::forward(Context& ctx, ReadImage& image) {
  const Weights w = weights(ctx);
  const Var y =
      spec_.dilation == 1 ? convolve(ctx, image.whole(), w.value, spec_.stride) : dilated(ctx, image, w.value);
  return amplitudes_ && w.amplitude.value.defined() ? ops::scale_channels(ctx, y, w.amplitude) : y;
}

Norm::Norm(Stream& stream, const std::string& name, std::int64_t channels, const ops::BatchNormOptions& options,
           bool affine)
    : name_(name),
      affine_(affine),
      gamma_(nn::constant_parameter(stream, name + ".gamma", {channels}, 1.0F)),
      beta_(nn::constant_parameter(stream, name + ".beta", {channels}, 0.0F)),
      stats_{Tensor::full(stream, {channels}, 0.0F), Tensor::full(stream, {channels}, 1.0F)},
      options_(options) {
  gamma_.frozen = beta_.frozen = !affine;
}

Var Norm::forward(Context& ctx, const Var& x, const Var& gain) {
  check(!gain.value.defined() || !affine_, "norm", "a gain besides gamma");
  return ops::batch_norm(ctx, x, gain.value.defined() ? gain : nn::use(ctx, gamma_), nn::use(ctx, beta_), stats_,
                         options_);
}

Var Norm::forward_sign(Context& ctx, const Var& x) {
  return ops::batch_norm_sign(ctx, x, nn::use(ctx, gamma_), nn::use(ctx, beta_), stats_, options_);
}

Var Norm::forward_prelu(Context& ctx, const Var& x, const ops::PreluTail& tail) {
  return ops::batch_norm_prelu(ctx, x, nn::use(ctx, gamma_), nn::use(ctx, beta_), stats_, tail, options_);
}

void Norm::parameters(const Visit& visit) {
  if (affine_) {
    visit(gamma_);
    visit(beta_);
  }
}

void Norm::buffers(const VisitBuffer& visit) {
  visit(name_ + ".running_mean", stats_.mean);
  visit(name_ + ".running_variance", stats_.variance);
}

nn::Parameter prelu_slope(Stream& stream, const std::string& name, std::int64_t channels) {
  return nn::constant_parameter(stream, name + ".slope", {channels}, 0.25F);
}

InputActivation::InputActivation(Stream& stream, const std::string& name, std::int64_t channels, const CellStyle& style,
                                 bool affine)
    : sign_(style.precision.binary_inputs) {
  if (sign_ || style.operations != OperationSet::darts_separable) {
    norm_ = std::make_unique<Norm>(stream, name, channels, style.norm, affine);
  }
}

Var InputActivation::forward(Context& ctx, const Var& x) {
  if (!norm_) {
    return ops::relu(ctx, x);
  }
  return sign_ ? norm_->forward_sign(ctx, x) : norm_->forward(ctx, x);
}

void InputActivation::parameters(const Visit& visit) {
  if (norm_) {
    norm_->parameters(visit);
  }
}

void InputActivation::buffers(const VisitBuffer& visit) {
  if (norm_) {
    norm_->buffers(visit);
  }
}

ReducingConv::ReducingConv(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out,
                           const CellStyle& style, bool binary, const RandomKey& key)
    : even_(stream, name + ".even", {.in = in, .out = out - out / 2, .stride = 2}, style, binary, false, key.derive(0)),
      odd_(stream, name + ".odd", {.in = in, .out = out / 2, .stride = 2, .shifted = true}, style, binary, false,
           key.derive(1)) {}

Var ReducingConv::forward(Context& ctx, const Var& x) {
  return ops::concat_channels(ctx, {even_.forward(ctx, x), odd_.forward(ctx, x)});
}

void ReducingConv::parameters(const Visit& visit) {
  even_.parameters(visit);
  odd_.parameters(visit);
}

void ReducingConv::convolutions(const VisitConv& visit) {
  visit(even_);
  visit(odd_);
}

}  // namespace bnas::nas
