// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/evaluation_task.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/nas/differentiable/cell_cost.hpp"
#include "differentiable/sized_cells.hpp"
#include "differentiable/stem.hpp"

namespace bnas::nas {
namespace {

/// Cells of the network with the images that they read.
std::vector<SizedCell> cells_of(const EvaluationConfig& config, int h, int w) {
  const std::int64_t c = config.channels, stem = c * config.stem_multiplier;
  const int shrink = config.large_images ? 8 : 1;
  const CellPlace first = config.large_images ? CellPlace{c, c, c, false, true} : CellPlace{stem, stem, c};
  return sized_cells(config.cells, first, (h + shrink - 1) / shrink, (w + shrink - 1) / shrink);
}

void require_auxiliary_size(const EvaluationConfig& config, int h, int w) {
  if (!config.auxiliary || config.cells < 3) {
    return;
  }
  const SizedCell cell = cells_of(config, h, w)[static_cast<std::size_t>(2 * config.cells / 3)];
  if (std::min(cell.out_h, cell.out_w) < AuxiliaryHead::kLeast) {
    throw Error(ErrorKind::usage,
                fmt::format("auxiliary: of images of {}x{} pixels {}x{} are left for the auxiliary classifier, which "
                            "needs {}x{}; leave it out (auxiliary = false), or take larger images",
                            h, w, cell.out_h, cell.out_w, AuxiliaryHead::kLeast, AuxiliaryHead::kLeast));
  }
}

/// Values of C channels that an operation of an edge keeps for backward, of its input's and of its output's pixels.
struct Kept {
  double in = 0.0, out = 1.0;  // its result, with samples dropped
};

Kept kept_values(const Candidate& candidate) {
  Kept kept;
  switch (candidate.kind) {
    case CandidateKind::none:
      break;
    case CandidateKind::max_pool:
    case CandidateKind::avg_pool:
      kept.out += 1.0;
      break;
    case CandidateKind::skip:  // of stride 2: activation, both halves, norm
      kept.in += 1.0;
      kept.out += 2.0;
      break;
    default:  // activation, depthwise, norm, 1x1, norm; where a window has gaps, the grids of pixels and their results
      kept.in += 1.0 + (candidate.dilation > 1 ? 1.0 : 0.0);
      kept.out += 4.0 * candidate.units + (candidate.units - 1.0) + (candidate.dilation > 1 ? 1.0 : 0.0);
      break;
  }
  return kept;
}

}  // namespace

EvaluationTask::EvaluationTask(EvaluationConfig network, DartsGenotype genotype, TrainerConfig config,
                               const Train& train, const Valid& valid)
    : SupervisedTask(std::move(config), train, valid),
      network_(network),
      genotype_(std::move(genotype)),
      height_(static_cast<int>(train.data().height)),
      width_(static_cast<int>(train.data().width)) {
  network_.image_channels = static_cast<int>(train.data().channels);
  network_.classes = train.data().classes;
  network_.validate();
  require_auxiliary_size(network_, height_, width_);
  cost_ = evaluation_cost(network_, genotype_, height_, width_);
  // Weights are counted where they are: norms and slopes are among them.
  const auto stream = backend_for({}).make_stream();
  EvaluationNetwork net(*stream, network_, genotype_, {});
  trained_ = net.parameter_count(true);
  cost_.binary_weights = cost_.real_weights = 0;
  net.packed([&](const std::string&, const Tensor& tensor) {
    (tensor.dtype() == DType::bit ? cost_.binary_weights : cost_.real_weights) += tensor.numel();
  });
}

std::string EvaluationTask::network_text() const {
  return fmt::format("genotype={} {}", genotype_.text(), network_.text());
}

std::unique_ptr<ChildNetwork> EvaluationTask::make_network(Stream& stream, const Genotype& /*genotype*/,
                                                           const RandomKey& init) const {
  return std::make_unique<EvaluationNetwork>(stream, network_, genotype_, init);
}

std::uint64_t EvaluationTask::memory(const Genotype& /*genotype*/) const {
  constexpr double kFloat = 4.0;
  double kept = 0.0, largest = 0.0;
  for (const SizedCell& cell : cells_of(network_, height_, width_)) {
    const double in = static_cast<double>(cell.in_h) * cell.in_w, out = static_cast<double>(cell.out_h) * cell.out_w;
    const CellPlace& place = cell.place;
    const auto c = static_cast<double>(place.channels);
    const double before = (place.previous_reduced ? 4.0 : 1.0) * static_cast<double>(place.before_previous);
    kept += in * (before + static_cast<double>(place.previous) + 4.0 * c);  // activations, convolutions, norms
    for (const auto& node : place.reduce ? genotype_.reduce : genotype_.normal) {
      for (const DartsEdge& edge : node) {
        const Kept values = kept_values(candidate(edge.operation));
        kept += c * (values.in * (edge.source < kCellInputs ? in : out) + values.out * out);
      }
    }
    kept += 2.0 * kCellNodes * c * out;  // nodes, and side by side
    largest = std::max({largest, kCellNodes * c * out, in * before});
  }
  if (network_.large_images) {  // the first convolution and its norm
    kept += 0.5 * network_.channels * height_ * width_ / 4.0 * 2.0;
  }
  return footprint(kFloat * kept, kFloat * largest, static_cast<double>(trained_));
}

}  // namespace bnas::nas
