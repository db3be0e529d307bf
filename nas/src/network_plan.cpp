// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/network_plan.hpp"

#include <fmt/format.h>

#include "bnas/core/error.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::nas {

const char* layer_kind_name(LayerKind kind) {
  constexpr const char* kNames[] = {"input",  "conv", "depthwise", "batch_norm",      "sign",  "max_pool",  "avg_pool",
                                    "concat", "add",  "flatten",   "global_avg_pool", "dense", "real_dense"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(LayerKind::real_dense) + 1);
  return kNames[static_cast<std::size_t>(kind)];
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

PlanBuilder::PlanBuilder(int height, int width, int channels) {
  plan_.nodes.push_back({LayerSpec::of(LayerKind::input), {}, "input", height, width, channels, ValueKind::pixels});
}

int PlanBuilder::append(const LayerSpec& layer, const std::vector<int>& inputs, const std::string& name) {
  check(!inputs.empty(), "plan", "layer " + name + " has no input");
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
    input = append(layers[i], {input}, fmt::format("{}.{}.{}", prefix, i, layer_kind_name(layers[i].kind)));
  }
  return input;
}

void PlanBuilder::end_cell(int index) {
  plan_.cell_shapes.push_back(fmt::format("{}x{}x{}", node(index).h, node(index).w, node(index).c));
}

NetworkCost NetworkPlan::cost() const {
  NetworkCost cost;
  for (const PlanNode& out : nodes) {
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
        cost.real_weights += 4 * std::int64_t{out.c};  // gamma, beta, running mean and variance
        break;
      default:
        break;
    }
    cost.binary_weights += weights;
    (in.value == ValueKind::pixels ? cost.real_macs : cost.binary_macs) += weights * pixels;
  }
  return cost;
}

std::string NetworkPlan::signature() const {
  std::string text;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const PlanNode& node = nodes[i];
    text += fmt::format("{} {} {}x{}/{}{} -> {}x{}x{} [{}]\n", i, layer_kind_name(node.layer.kind), node.layer.kh,
                        node.layer.kw, node.layer.stride, node.layer.shifted_grid ? " shifted" : "", node.h, node.w,
                        node.c, fmt::join(node.inputs, " "));
  }
  return text;
}

}  // namespace bnas::nas
