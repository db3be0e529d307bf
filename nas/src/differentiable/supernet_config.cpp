// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/supernet_config.hpp"

#include "differentiable/names.hpp"

namespace bnas::nas {
namespace {

const std::vector<std::string> kPrecisions{"W32A32", "W1A32", "W32A1", "W1A1"};
const std::vector<std::string> kMethods{"none", "xnor", "pcnn"};
const std::vector<std::string> kGradients{"paper", "corrected", "constant"};
const std::vector<std::string> kForms{"matrix", "scalar"};

void require_range(const char* key, int value, int low, int high) {
  if (value < low || value > high) {
    throw Error(ErrorKind::usage, fmt::format("{} is {}, must be {} to {}", key, value, low, high));
  }
}

}  // namespace

std::string Precision::text() const { return kPrecisions[(binary_weights ? 1U : 0U) + (binary_inputs ? 2U : 0U)]; }

Precision Precision::parse(std::string_view name) {
  const std::size_t i = find_name("binarization", name, kPrecisions);
  return {(i & 1U) != 0, (i & 2U) != 0};
}

WeightMethod parse_weight_method(std::string_view name) {
  return static_cast<WeightMethod>(find_name("weight optimizer", name, kMethods));
}

XnorGradient parse_xnor_gradient(std::string_view name) {
  return static_cast<XnorGradient>(find_name("xnor gradient", name, kGradients));
}

PcnnForm parse_pcnn_form(std::string_view name) { return static_cast<PcnnForm>(find_name("pcnn form", name, kForms)); }

std::string WeightOptimizer::text() const {
  return fmt::format("{} gradient={} form={} lambda={} eta={} unit={}", kMethods[static_cast<std::size_t>(method)],
                     kGradients[static_cast<std::size_t>(gradient)], kForms[static_cast<std::size_t>(form)],
                     form == PcnnForm::matrix ? projection.lambda : amplitude.lambda, projection.eta, amplitude.unit);
}

std::string CellStyle::text() const {
  return fmt::format(
      "operations={} binarization={} weights={} preprocess={} shortcuts={} cell_skips={} bn={},{} pad={}",
      operation_set_name(operations), precision.text(), weights.text(), binary_preprocess, shortcuts, cell_skips,
      norm.momentum, norm.eps, pad == PadValue::zero ? "zero" : "one");
}

SupernetConfig SupernetConfig::real_twin() const {
  SupernetConfig twin = *this;
  twin.style.precision = {false, false};
  return twin;
}

void SupernetConfig::validate() const {
  require_range("cells", cells, 1, 64);
  require_range("channels", channels, 2, 1024);
  require_range("stem_multiplier", stem_multiplier, 1, 64);
  require_range("channel_ratio", channel_ratio, 1, channels);
  require_range("image_channels", image_channels, 1, 64);
  require_range("classes", classes, 2, 100'000);
  if (channels % channel_ratio != 0 || channels / channel_ratio % 2 != 0) {
    throw Error(ErrorKind::usage,
                fmt::format("channels is {} and channel_ratio {}: the ratio must leave an even number "
                            "of channels to the operations",
                            channels, channel_ratio));
  }
}

std::string SupernetConfig::text() const {
  return fmt::format("cells={} channels={} stem={} ratio={} edge_weights={} image={} classes={} {}", cells, channels,
                     stem_multiplier, channel_ratio, edge_weights, image_channels, classes, style.text());
}

}  // namespace bnas::nas
