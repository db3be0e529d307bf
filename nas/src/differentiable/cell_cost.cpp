// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/cell_cost.hpp"

#include <algorithm>
#include <array>

#include "differentiable/sized_cells.hpp"

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

/// The convolutions around a cell's edges: of its inputs, and of the path around it.
void add_frame(NetworkCost& cost, const SizedCell& cell, const CellStyle& style) {
  const CellPlace& place = cell.place;
  const bool binary = style.precision.binary_weights && style.binary_preprocess;
  const bool dense = place.previous_reduced && style.operations == OperationSet::dense_1bit;
  const std::int64_t pixels = std::int64_t{cell.in_h} * cell.in_w;
  add_conv(cost, place.before_previous * place.channels * (dense ? 9 : 1), pixels, binary, false);
  add_conv(cost, place.previous * place.channels, pixels, binary, false);
  if (style.cell_skips && place.reduce) {
    add_conv(cost, 4 * place.previous * kCellNodes * place.channels, std::int64_t{cell.out_h} * cell.out_w, false,
             false);
  }
}

void add_edge(NetworkCost& cost, const SizedCell& cell, const Candidate& candidate, int source, int channels,
              const CellStyle& style) {
  const bool strided = cell.place.reduce && source < kCellInputs;
  add(cost, operation_cost(candidate, channels, strided ? cell.in_h : cell.out_h, strided ? cell.in_w : cell.out_w,
                           strided ? 2 : 1, style));
}

void add_classifier(NetworkCost& cost, const SizedCell& last, int classes) {
  add_conv(cost, kCellNodes * last.place.channels * classes, 1, false, false);
  cost.real_weights += classes;
}

}  // namespace

std::vector<SizedCell> sized_cells(int cells, CellPlace place, int h, int w) {
  std::vector<SizedCell> out;
  for (int i = 0; i < cells; ++i) {
    place.reduce = is_reduction(cells, i);
    place.channels *= place.reduce ? 2 : 1;
    const int stride = place.reduce ? 2 : 1;
    out.push_back({place, h, w, half(h, stride), half(w, stride)});
    h = out.back().out_h;
    w = out.back().out_w;
    place = {place.previous, kCellNodes * place.channels, place.channels, false, place.reduce};
  }
  return out;
}

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
  const std::int64_t stem = std::int64_t{config.channels} * config.stem_multiplier;
  NetworkCost cost;
  add_conv(cost, 9 * config.image_channels * stem, std::int64_t{h} * w, false, false);
  const std::vector<SizedCell> cells = sized_cells(config.cells, {stem, stem, config.channels}, h, w);
  for (const SizedCell& cell : cells) {
    add_frame(cost, cell, config.style);
    const auto& operations = selection[cell.place.reduce ? 1 : 0];
    for (int node = 0; node < kCellNodes; ++node) {
      for (int source = 0; source < edges_of(node); ++source) {
        const int o = operations[edge_from(node, source)];
        add_edge(cost, cell, set[static_cast<std::size_t>(o)], source,
                 static_cast<int>(cell.place.channels) / config.channel_ratio, config.style);
      }
    }
  }
  add_classifier(cost, cells.back(), config.classes);
  return cost;
}

NetworkCost evaluation_cost(const EvaluationConfig& config, const DartsGenotype& genotype, int h, int w) {
  NetworkCost cost;
  const std::int64_t c = config.channels, stem = c * config.stem_multiplier;
  CellPlace first{stem, stem, c};
  if (config.large_images) {
    const std::array<std::array<std::int64_t, 2>, 3> stems{{{config.image_channels, c / 2}, {c / 2, c}, {c, c}}};
    for (const auto& [in, out] : stems) {
      h = half(h, 2);
      w = half(w, 2);
      add_conv(cost, 9 * in * out, std::int64_t{h} * w, false, false);
    }
    first = {c, c, c, false, true};
  } else {
    add_conv(cost, 9 * config.image_channels * stem, std::int64_t{h} * w, false, false);
  }
  const std::vector<SizedCell> cells = sized_cells(config.cells, first, h, w);
  for (const SizedCell& cell : cells) {
    add_frame(cost, cell, config.style);
    for (const auto& node : cell.place.reduce ? genotype.reduce : genotype.normal) {
      for (const DartsEdge& edge : node) {
        add_edge(cost, cell, candidate(edge.operation), edge.source, static_cast<int>(cell.place.channels),
                 config.style);
      }
    }
  }
  add_classifier(cost, cells.back(), config.classes);
  return cost;
}

double kilobytes(const NetworkCost& cost) {
  return (static_cast<double>(cost.binary_weights) / 8.0 + 4.0 * static_cast<double>(cost.real_weights)) / 1000.0;
}

double megaops(const NetworkCost& cost) {
  return (static_cast<double>(cost.real_macs) + static_cast<double>(cost.binary_macs) / 64.0) / 1e6;
}

}  // namespace bnas::nas
