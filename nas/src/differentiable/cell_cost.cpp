// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/cell_cost.hpp"

#include <algorithm>

namespace bnas::nas {
namespace {

constexpr int half(int length, int stride) { return (length + stride - 1) / stride; }

/// Adds a convolution of `weights` numbers that each output pixel multiplies with.
void add_conv(NetworkCost& cost, std::int64_t weights, std::int64_t pixels, bool binary_weights, bool binary_inputs) {
  (binary_weights ? cost.binary_weights : cost.real_weights) += weights;
  (binary_weights && binary_inputs ? cost.binary_macs : cost.real_macs) += weights * pixels;
}

void add(NetworkCost& cost, const NetworkCost& other) {
  cost.binary_weights += other.binary_weights;
  cost.real_weights += other.real_weights;
  cost.binary_macs += other.binary_macs;
  cost.real_macs += other.real_macs;
}

}  // namespace

NetworkCost operation_cost(const Candidate& candidate, int channels, int h, int w, int stride, const CellStyle& style) {
  const auto [binary_weights, binary_inputs] = style.precision;
  const std::int64_t c = channels, taps = std::int64_t{candidate.kernel} * candidate.kernel;
  const std::int64_t pixels = std::int64_t{half(h, stride)} * half(w, stride);
  NetworkCost cost;
  std::int64_t groups = std::min<std::int64_t>(12, c);
  while (c % groups != 0) {
    --groups;
  }
  for (int unit = 0; unit < candidate.units; ++unit) {
    switch (candidate.kind) {
      case CandidateKind::skip:
        if (stride == 2) {
          add_conv(cost, c * c, pixels, binary_weights, binary_inputs);
        }
        break;
      case CandidateKind::separable:
        add_conv(cost, taps * c, pixels, binary_weights, binary_inputs);
        add_conv(cost, c * c, pixels, binary_weights, binary_inputs);
        break;
      case CandidateKind::dense:
        add_conv(cost, taps * c * c, pixels, binary_weights, binary_inputs);
        break;
      case CandidateKind::grouped:
        add_conv(cost, taps * c * c / groups, pixels, binary_weights, binary_inputs);
        break;
      default:
        break;
    }
  }
  return cost;
}

NetworkCost selection_cost(const SupernetConfig& config, const Selection& selection, int h, int w) {
  const auto set = candidates(config.style.operations);
  const bool binary_input_convs = config.style.precision.binary_weights && config.style.binary_preprocess;
  NetworkCost cost;
  std::int64_t previous = std::int64_t{config.channels} * config.stem_multiplier, before = previous;
  add_conv(cost, 9 * config.image_channels * previous, std::int64_t{h} * w, false, false);
  int channels = config.channels;
  bool reduced = false;
  for (int i = 0; i < config.cells; ++i) {
    const bool reduces = config.reduces(i);
    channels *= reduces ? 2 : 1;
    const std::int64_t pixels = std::int64_t{h} * w;
    const bool dense = reduced && config.style.operations == OperationSet::dense_1bit;
    add_conv(cost, before * channels * (dense ? 9 : 1), pixels, binary_input_convs, false);
    add_conv(cost, previous * channels, pixels, binary_input_convs, false);
    const auto& operations = selection[reduces ? 1 : 0];
    const int oh = half(h, reduces ? 2 : 1), ow = half(w, reduces ? 2 : 1);
    for (int node = 0; node < kCellNodes; ++node) {
      for (int source = 0; source < edges_of(node); ++source) {
        const bool strided = reduces && source < kCellInputs;
        const int o = operations[edge_from(node, source)];
        add(cost, operation_cost(set[static_cast<std::size_t>(o)], channels / config.channel_ratio, strided ? h : oh,
                                 strided ? w : ow, strided ? 2 : 1, config.style));
      }
    }
    before = previous;
    previous = std::int64_t{kCellNodes} * channels;
    reduced = reduces;
    h = oh;
    w = ow;
  }
  add_conv(cost, previous * config.classes, 1, false, false);
  cost.real_weights += config.classes;
  return cost;
}

double kilobytes(const NetworkCost& cost) {
  return (static_cast<double>(cost.binary_weights) / 8.0 + 4.0 * static_cast<double>(cost.real_weights)) / 1000.0;
}

double megaops(const NetworkCost& cost) {
  return (static_cast<double>(cost.real_macs) + static_cast<double>(cost.binary_macs) / 64.0) / 1e6;
}

}  // namespace bnas::nas
