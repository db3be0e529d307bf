// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/network_plan.hpp"

#include <fmt/format.h>

#include "bnas/core/error.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::nas {

const char* layer_kind_name(LayerKind kind) {
  constexpr const char* kNames[] = {"input", "conv",    "depthwise",       "batch_norm", "sign",
                                    "relu",  "dropout", "max_pool",        "avg_pool",   "concat",
                                    "add",   "flatten", "global_avg_pool", "dense",      "real_dense"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(LayerKind::real_dense) + 1);
  return kNames[static_cast<std::size_t>(kind)];
}

const char* activation_name(Activation activation) {
  constexpr const char* kNames[] = {"sign", "relu", "identity"};
  return kNames[static_cast<std::size_t>(activation)];
}

LayerSpec LayerSpec::conv(int kh, int kw, int out_channels, int stride) {
  return {.kind = LayerKind::conv, .kh = kh, .kw = kw, .stride = stride, .out_channels = out_channels};
}
LayerSpec LayerSpec::depthwise(int k, int stride) {
  return {.kind = LayerKind::depthwise, .kh = k, .kw = k, .stride = stride};
}
LayerSpec LayerSpec::of(LayerKind kind) { return {.kind = kind}; }
LayerSpec LayerSpec::pool(LayerKind kind, int k, int stride) {
  return {.kind = kind, .kh = k, .kw = k, .stride = stride};
}

LayerSpec LayerSpec::dropout(float rate, bool rescale) {
  return {.kind = LayerKind::dropout, .rate = rate, .rescale = rescale};
}

PlanBuilder::PlanBuilder(int height, int width, int channels, Activation activation, nn::NormAxis norm_axis) {
  plan_.activation = activation;
  plan_.norm_axis = norm_axis;
  plan_.nodes.push_back({LayerSpec::of(LayerKind::input), {}, "input", height, width, channels, ValueKind::pixels});
}

LayerSpec PlanBuilder::as_planned(const LayerSpec& layer) const {
  LayerSpec out = layer;
  if (layer.kind == LayerKind::sign && plan_.activation == Activation::relu) {
    out.kind = LayerKind::relu;
  }
  return out;
}

int PlanBuilder::append(const LayerSpec& given, const std::vector<int>& inputs, const std::string& name) {
  check(!inputs.empty(), "plan", "layer " + name + " has no input");
  if (given.kind == LayerKind::sign && plan_.activation == Activation::identity) {
    return inputs[0];
  }
  const LayerSpec layer = as_planned(given);
  PlanNode out{layer, inputs, name, node(inputs[0]).h, node(inputs[0]).w, node(inputs[0]).c, node(inputs[0]).value};
  const auto windowed = [&](ValueKind value) {
    out.h = (out.h + layer.stride - 1) / layer.stride;  // SAME
    out.w = (out.w + layer.stride - 1) / layer.stride;
    out.value = value;
  };
  switch (layer.kind) {
    case LayerKind::input:
      check(false, "plan", "a network has one input");
      break;
    case LayerKind::conv:
      windowed(ValueKind::real);
      out.c = layer.out_channels;
      break;
    case LayerKind::depthwise:
      windowed(ValueKind::real);
      break;
    case LayerKind::max_pool:
      windowed(out.value);
      break;
    case LayerKind::avg_pool:
      windowed(out.value == ValueKind::pixels ? ValueKind::pixels : ValueKind::real);
      break;
    case LayerKind::batch_norm:
    case LayerKind::relu:
    case LayerKind::dropout:
      out.value = ValueKind::real;
      break;
    case LayerKind::sign:
      out.value = ValueKind::binary;
      break;
    case LayerKind::concat:
      out.c = 0;
      for (const int input : inputs) {
        check(node(input).h == out.h && node(input).w == out.w, "plan", "concat " + name + ": image sizes differ");
        out.c += node(input).c;
        out.value = node(input).value == out.value ? out.value : ValueKind::real;
      }
      break;
    case LayerKind::add:
      for (const int input : inputs) {
        check(node(input).h == out.h && node(input).w == out.w && node(input).c == out.c, "plan",
              "add " + name + ": shapes differ");
      }
      out.value = ValueKind::real;
      break;
    case LayerKind::flatten:
      out.c *= out.h * out.w;
      out.h = out.w = 1;
      break;
    case LayerKind::global_avg_pool:
      out.h = out.w = 1;
      out.value = ValueKind::real;
      break;
    case LayerKind::dense:
    case LayerKind::real_dense:
      check(out.h == 1 && out.w == 1, "plan", "dense " + name + " needs a flat input");
      out.c = layer.out_channels;
      out.value = ValueKind::real;
      break;
  }
  check(out.c > 0, "plan", "layer " + name + " has no channels");
  plan_.nodes.push_back(std::move(out));
  return static_cast<int>(plan_.nodes.size()) - 1;
}

int PlanBuilder::chain(const std::vector<LayerSpec>& layers, int input, const std::string& prefix) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    input = append(layers[i], {input}, fmt::format("{}.{}.{}", prefix, i, layer_kind_name(as_planned(layers[i]).kind)));
  }
  return input;
}

void PlanBuilder::end_cell(int index) {
  plan_.cell_shapes.push_back(fmt::format("{}x{}x{}", node(index).h, node(index).w, node(index).c));
}

bool NetworkPlan::reads_real(std::size_t index) const {
  const PlanNode& input = nodes[static_cast<std::size_t>(nodes[index].inputs[0])];
  return activation != Activation::sign || input.value == ValueKind::pixels || input.layer.kind == LayerKind::dropout;
}

bool NetworkPlan::norms_rows(std::size_t index) const {
  const LayerKind before = nodes[static_cast<std::size_t>(nodes[index].inputs[0])].layer.kind;
  const bool image = before != LayerKind::dense && before != LayerKind::real_dense;
  return image && norm_axis == nn::NormAxis::row;
}

NetworkCost NetworkPlan::cost() const {
  NetworkCost cost;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const PlanNode& out = nodes[i];
    if (out.inputs.empty()) {
      continue;
    }
    const PlanNode& in = nodes[static_cast<std::size_t>(out.inputs[0])];
    const std::int64_t pixels = std::int64_t{out.h} * out.w;
    const std::int64_t taps = std::int64_t{out.layer.kh} * out.layer.kw;
    std::int64_t weights = 0;
    switch (out.layer.kind) {
      case LayerKind::conv:
      case LayerKind::dense:
        weights = taps * in.c * out.c;
        break;
      case LayerKind::depthwise:
        weights = taps * in.c;
        break;
      case LayerKind::real_dense:
        cost.real_weights += std::int64_t{in.c} * out.c + out.c;
        cost.real_macs += std::int64_t{in.c} * out.c;
        break;
      case LayerKind::batch_norm:
        cost.real_weights += 4 * std::int64_t{norms_rows(i) ? out.h : out.c};  // gamma, beta, running mean and variance
        break;
      default:
        break;
    }
    cost.binary_weights += weights;
    const bool real = in.value == ValueKind::pixels || activation != Activation::sign;
    (real ? cost.real_macs : cost.binary_macs) += weights * pixels;
  }
  return cost;
}

std::string NetworkPlan::signature() const {
  std::string text = activation == Activation::sign ? "" : fmt::format("{} activations\n", activation_name(activation));
  text += norm_axis == nn::NormAxis::row ? "norms of rows\n" : "";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const PlanNode& node = nodes[i];
    text += fmt::format("{} {} {}x{}/{}{} -> {}x{}x{} [{}]\n", i, layer_kind_name(node.layer.kind), node.layer.kh,
                        node.layer.kw, node.layer.stride, node.layer.shifted_grid ? " shifted" : "", node.h, node.w,
                        node.c, fmt::join(node.inputs, " "));
    if (node.layer.kind == LayerKind::dropout) {
      text += fmt::format("  rate {}{}\n", node.layer.rate, node.layer.rescale ? ", rescaled" : "");
    }
  }
  return text;
}

}  // namespace bnas::nas
