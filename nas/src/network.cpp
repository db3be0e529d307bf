// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/network.hpp"

#include "bnas/core/error.hpp"
#include "bnas/core/nn/batch_norm.hpp"
#include "bnas/core/nn/binary_conv2d.hpp"
#include "bnas/core/nn/binary_dense.hpp"
#include "bnas/core/nn/dense.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/structure.hpp"

namespace bnas::nas {

/// What one node owns. Layers without parameters own nothing.
struct Network::Layer {
  std::unique_ptr<nn::Module> module;  // conv, depthwise, dense, real_dense
  std::unique_ptr<nn::BatchNorm> norm;
  bool fused_sign = false;  // batch_norm: the sign behind it is its only reader
  bool skip = false;        // sign: done by the batch norm before it
};

namespace {

ops::Geometry geometry_of(const LayerSpec& layer, PadValue pad_value) {
  ops::Geometry geometry = ops::Geometry::with_stride(layer.stride);
  if (layer.shifted_grid) {
    geometry = ops::Geometry::explicit_pad(layer.stride, {-1, 1}, {-1, 1});
  }
  geometry.pad_value = pad_value;
  return geometry;
}

/// `normalized`: a batch norm of channels is the only reader.
std::unique_ptr<nn::Module> make_module(Stream& stream, const NetworkPlan& plan, std::size_t index, bool normalized,
                                        const LayerOptions& options, const RandomKey& key) {
  const PlanNode& node = plan.nodes[index];
  const PlanNode& input = plan.nodes[static_cast<std::size_t>(node.inputs[0])];
  const nn::ConvSize size{input.c, node.c, node.layer.kh, node.layer.kw};
  const nn::Binarization binarization{options.activation, options.weight, !plan.reads_real(index), normalized,
                                      options.xnor_scale};
  const ops::Geometry geometry = geometry_of(node.layer, options.pad_value);
  switch (node.layer.kind) {
    case LayerKind::conv:
      return std::make_unique<nn::BinaryConv2d>(stream, node.name, size, geometry, key, binarization);
    case LayerKind::depthwise:
      return std::make_unique<nn::BinaryDepthwiseConv2d>(stream, node.name, size, geometry, key, binarization);
    case LayerKind::dense:
      return std::make_unique<nn::BinaryDense>(stream, node.name, input.c, node.c, key, binarization);
    case LayerKind::real_dense:
      return std::make_unique<nn::Dense>(stream, node.name, input.c, node.c, key);
    default:
      return nullptr;
  }
}

}  // namespace

Network::~Network() = default;

Network::Network(Stream& stream, NetworkPlan plan, const LayerOptions& options, const RandomKey& init)
    : plan_(std::move(plan)), options_(options), last_use_(plan_.nodes.size(), 0) {
  std::vector<int> readers(plan_.nodes.size(), 0);
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    for (const int input : plan_.nodes[i].inputs) {
      last_use_[static_cast<std::size_t>(input)] = static_cast<int>(i);
      ++readers[static_cast<std::size_t>(input)];
    }
  }
  layers_.push_back(std::make_unique<Layer>());  // the pixels
  for (std::size_t i = 1; i < plan_.nodes.size(); ++i) {
    const PlanNode& node = plan_.nodes[i];
    const auto before = static_cast<std::size_t>(node.inputs[0]);
    auto layer = std::make_unique<Layer>();
    const auto reader = static_cast<std::size_t>(last_use_[i]);
    const bool normalized =
        readers[i] == 1 && plan_.nodes[reader].layer.kind == LayerKind::batch_norm && !plan_.norms_rows(reader);
    layer->module = make_module(stream, plan_, i, normalized, options_, init.derive(i));
    if (node.layer.kind == LayerKind::batch_norm) {
      const int size = plan_.norms_rows(i) ? node.h : node.c;
      layer->norm = std::make_unique<nn::BatchNorm>(stream, node.name, size, options_.batch_norm);
    }
    if (node.layer.kind == LayerKind::sign && layers_[before]->norm && readers[before] == 1 &&
        !plan_.norms_rows(before) && options_.activation == PseudoGradient::ste_sign) {
      layers_[before]->fused_sign = true;
      layer->skip = true;
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
  switch (node.layer.kind) {
    case LayerKind::conv:
    case LayerKind::depthwise:
    case LayerKind::dense:
      return layer.module->forward(
          ctx, plan_.reads_real(index) ? input() : signed_input(ctx, node.inputs[0], values, signs));
    case LayerKind::real_dense:
      return layer.module->forward(ctx, ops::to_float(ctx, input()));
    case LayerKind::batch_norm:
      return plan_.norms_rows(index) ? layer.norm->forward_rows(ctx, input())
             : layer.fused_sign      ? layer.norm->forward_sign(ctx, input())
                                     : layer.norm->forward(ctx, input());
    case LayerKind::sign:
      return layer.skip ? input() : signed_input(ctx, node.inputs[0], values, signs);
    case LayerKind::relu:
      return ops::relu(ctx, input());
    case LayerKind::dropout:
      return ops::dropout(ctx, input(), node.layer.rate, node.layer.rescale);
    case LayerKind::max_pool:
      return ops::max_pool(ctx, input(), node.layer.kh, geometry_of(node.layer, options_.pad_value));
    case LayerKind::avg_pool:
      return ops::avg_pool(ctx, input(), node.layer.kh, geometry_of(node.layer, options_.pad_value));
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
    if (layer->module) {
      layer->module->parameters(visit);
    }
    if (layer->norm) {
      layer->norm->parameters(visit);
    }
  }
}

void Network::buffers(const std::function<void(const std::string&, Tensor&)>& visit) {
  for (const auto& layer : layers_) {
    if (layer->norm) {
      layer->norm->buffers(visit);
    }
  }
}

}  // namespace bnas::nas
