// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/network.hpp"

#include <algorithm>
#include <cmath>

#include "bnas/core/error.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/structure.hpp"

namespace bnas::nas {

/// Parameters of one node. Unused tensors stay undefined.
struct Network::Layer {
  std::vector<nn::Parameter> parameters;  // conv, dense: weight; real_dense: weight, bias; batch_norm: gamma, beta
  ops::RunningStats stats;
  bool fused_sign = false;  // batch_norm: the next node, a sign, is its only reader
  bool skip = false;        // sign: done by the batch norm before it
};

namespace {

nn::Parameter make_parameter(Stream& stream, std::string name, nn::ParamRole role, Tensor value,
                             std::int64_t fan_in = 0, std::int64_t fan_out = 0) {
  Tensor grad = Tensor::zeros(stream, value.shape(), DType::f32);
  return {std::move(name), role, std::move(value), std::move(grad), fan_in, fan_out};
}

Tensor uniform(Stream& stream, const Shape& shape, float limit, const RandomKey& key) {
  std::vector<float> host(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < host.size(); ++i) {
    host[i] = limit * (2.0F * key.uniform(i) - 1.0F);
  }
  return Tensor::from_host(stream, shape, std::span<const float>(host));
}

Shape weight_shape(const PlanNode& node, int in_channels) {
  switch (node.layer.kind) {
    case LayerKind::conv:
      return {node.c, node.layer.kh, node.layer.kw, in_channels};
    case LayerKind::depthwise:
      return {node.layer.kh, node.layer.kw, in_channels};
    default:
      return {node.c, in_channels};
  }
}

ops::Geometry geometry_of(const LayerSpec& layer, PadValue pad_value) {
  ops::Geometry geometry = ops::Geometry::with_stride(layer.stride);
  if (layer.shifted_grid) {
    geometry = ops::Geometry::explicit_pad(layer.stride, {-1, 1}, {-1, 1});
  }
  geometry.pad_value = pad_value;
  return geometry;
}

}  // namespace

Network::~Network() = default;

Network::Network(Stream& stream, NetworkPlan plan, const LayerOptions& options, const RandomKey& init)
    : plan_(std::move(plan)), options_(options), last_use_(plan_.nodes.size(), 0) {
  std::vector<int> readers(plan_.nodes.size(), 0);
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    const PlanNode& node = plan_.nodes[i];
    for (const int input : node.inputs) {
      last_use_[static_cast<std::size_t>(input)] = static_cast<int>(i);
      ++readers[static_cast<std::size_t>(input)];
    }
  }
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    const PlanNode& node = plan_.nodes[i];
    auto layer = std::make_unique<Layer>();
    const int in = node.inputs.empty() ? 0 : plan_.nodes[static_cast<std::size_t>(node.inputs[0])].c;
    const std::int64_t taps = std::int64_t{node.layer.kh} * node.layer.kw;
    switch (node.layer.kind) {
      case LayerKind::conv:
      case LayerKind::depthwise:
      case LayerKind::dense: {
        const std::int64_t fan_in = node.layer.kind == LayerKind::depthwise ? taps : taps * in;
        const std::int64_t fan_out = node.layer.kind == LayerKind::depthwise ? taps : taps * node.c;
        layer->parameters.push_back(make_parameter(stream, node.name + ".weight", nn::ParamRole::latent_binary,
                                                   uniform(stream, weight_shape(node, in), 1.0F, init.derive(i)),
                                                   fan_in, fan_out));
        break;
      }
      case LayerKind::real_dense: {
        const float limit = std::sqrt(6.0F / static_cast<float>(in + node.c));
        layer->parameters.push_back(make_parameter(stream, node.name + ".weight", nn::ParamRole::real,
                                                   uniform(stream, weight_shape(node, in), limit, init.derive(i)), in,
                                                   node.c));
        layer->parameters.push_back(make_parameter(stream, node.name + ".bias", nn::ParamRole::real,
                                                   Tensor::zeros(stream, {node.c}, DType::f32)));
        break;
      }
      case LayerKind::batch_norm:
        layer->parameters.push_back(
            make_parameter(stream, node.name + ".gamma", nn::ParamRole::real, Tensor::full(stream, {node.c}, 1.0F)));
        layer->parameters.push_back(make_parameter(stream, node.name + ".beta", nn::ParamRole::real,
                                                   Tensor::zeros(stream, {node.c}, DType::f32)));
        layer->stats = {Tensor::zeros(stream, {node.c}, DType::f32), Tensor::full(stream, {node.c}, 1.0F)};
        break;
      case LayerKind::sign: {
        const auto before = static_cast<std::size_t>(node.inputs[0]);
        if (options_.activation == PseudoGradient::ste_sign && readers[before] == 1 &&
            plan_.nodes[before].layer.kind == LayerKind::batch_norm) {
          layers_[before]->fused_sign = true;
          layer->skip = true;
        }
        break;
      }
      default:
        break;
    }
    layers_.push_back(std::move(layer));
  }
}

Var Network::signed_input(Context& ctx, int node, const std::vector<Var>& values, std::vector<Var>& signs) const {
  const auto index = static_cast<std::size_t>(node);
  if (values[index].value.dtype() == DType::bit) {
    return values[index];
  }
  if (!signs[index].value.defined()) {
    signs[index] = ops::sign(ctx, values[index], options_.activation);
  }
  return signs[index];
}

Var Network::run(Context& ctx, std::size_t index, std::vector<Var>& values, std::vector<Var>& signs) {
  const PlanNode& node = plan_.nodes[index];
  Layer& layer = *layers_[index];
  const auto input = [&](std::size_t i = 0) -> const Var& { return values[static_cast<std::size_t>(node.inputs[i])]; };
  const auto weight_bits = [&] { return ops::sign(ctx, nn::use(ctx, layer.parameters[0]), options_.weight); };
  const bool pixels = plan_.nodes[static_cast<std::size_t>(node.inputs[0])].value == ValueKind::pixels;
  const ops::Geometry geometry = geometry_of(node.layer, options_.pad_value);
  switch (node.layer.kind) {
    case LayerKind::conv:
      return pixels
                 ? ops::conv2d(ctx, input(), weight_bits(), geometry)
                 : ops::binary_conv2d(ctx, signed_input(ctx, node.inputs[0], values, signs), weight_bits(), geometry);
    case LayerKind::depthwise:
      return pixels ? ops::depthwise_conv2d(ctx, input(), weight_bits(), geometry)
                    : ops::binary_depthwise_conv2d(ctx, signed_input(ctx, node.inputs[0], values, signs), weight_bits(),
                                                   geometry);
    case LayerKind::dense:
      return ops::binary_dense(ctx, signed_input(ctx, node.inputs[0], values, signs), weight_bits());
    case LayerKind::real_dense:
      return ops::dense(ctx, ops::to_float(ctx, input()), nn::use(ctx, layer.parameters[0]),
                        nn::use(ctx, layer.parameters[1]));
    case LayerKind::batch_norm: {
      auto* norm = layer.fused_sign ? &ops::batch_norm_sign : &ops::batch_norm;
      return norm(ctx, input(), nn::use(ctx, layer.parameters[0]), nn::use(ctx, layer.parameters[1]), layer.stats,
                  options_.batch_norm);
    }
    case LayerKind::sign:
      return layer.skip ? input() : signed_input(ctx, node.inputs[0], values, signs);
    case LayerKind::max_pool:
      return ops::max_pool(ctx, input(), node.layer.kh, geometry);
    case LayerKind::avg_pool:
      return ops::avg_pool(ctx, input(), node.layer.kh, geometry);
    case LayerKind::global_avg_pool:
      return ops::global_avg_pool(ctx, input());
    case LayerKind::flatten:
      return ops::flatten(ctx, input());
    case LayerKind::add:
      return ops::add(ctx, input(0), input(1));
    case LayerKind::concat: {
      std::vector<Var> parts;
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        parts.push_back(input(i));
      }
      return ops::concat_channels(ctx, parts);
    }
    case LayerKind::input:
      break;
  }
  throw Error(ErrorKind::internal, "[network] layer " + node.name + " cannot run");
}

Var Network::forward(Context& ctx, const Var& x) { return forward(ctx, x, {}); }

Var Network::forward(Context& ctx, const Var& x, const std::function<void(const PlanNode&, const Var&)>& visit) {
  const PlanNode& in = plan_.nodes[0];
  check(x.shape().rank() == 4 && x.shape()[1] == in.h && x.shape()[2] == in.w && x.shape()[3] == in.c, "network",
        "input " + x.shape().text() + " does not fit a network for " + std::to_string(in.h) + "x" +
            std::to_string(in.w) + "x" + std::to_string(in.c));
  std::vector<Var> values(plan_.nodes.size());
  std::vector<Var> signs(plan_.nodes.size());  // sign of a real value, made when first wanted
  values[0] = x;
  for (std::size_t i = 1; i < plan_.nodes.size(); ++i) {
    values[i] = run(ctx, i, values, signs);
    if (visit) {
      visit(plan_.nodes[i], values[i]);
    }
    for (const int input : plan_.nodes[i].inputs) {
      const auto index = static_cast<std::size_t>(input);
      if (last_use_[index] == static_cast<int>(i)) {
        values[index] = signs[index] = Var{};
      }
    }
  }
  return values.back();
}

void Network::parameters(const std::function<void(nn::Parameter&)>& visit) {
  for (const auto& layer : layers_) {
    for (nn::Parameter& parameter : layer->parameters) {
      visit(parameter);
    }
  }
}

void Network::buffers(const std::function<void(const std::string&, Tensor&)>& visit) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i]->stats.mean.defined()) {
      visit(plan_.nodes[i].name + ".running_mean", layers_[i]->stats.mean);
      visit(plan_.nodes[i].name + ".running_variance", layers_[i]->stats.variance);
    }
  }
}

}  // namespace bnas::nas
