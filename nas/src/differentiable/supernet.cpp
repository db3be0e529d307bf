// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/supernet.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "bnas/core/error.hpp"
#include "bnas/core/nn/dense.hpp"
#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/structure.hpp"
#include "differentiable/cell_skip.hpp"
#include "differentiable/stem.hpp"
#include "differentiable/supernet_cell.hpp"

namespace bnas::nas {
namespace {

constexpr float kInitialSpread = 1e-3F;

/// Normal numbers times kInitialSpread (Box and Muller 1958).
nn::Parameter architecture_parameter(Stream& stream, const std::string& name, const Shape& shape,
                                     const RandomKey& key) {
  std::vector<float> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double u = 1.0 - static_cast<double>(key.uniform(2 * i)), v = static_cast<double>(key.uniform(2 * i + 1));
    const double normal = std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
    values[i] = kInitialSpread * static_cast<float>(normal);
  }
  return {name, nn::ParamRole::architecture, Tensor::from_host(stream, shape, std::span<const float>(values)),
          Tensor::zeros(stream, shape, DType::f32)};
}

}  // namespace

struct Supernet::Cells {
  Cells(Stream& stream, const SupernetConfig& config, const RandomKey& key)
      : stem(stream, config.image_channels, std::int64_t{config.channels} * config.stem_multiplier, config.style,
             key.derive(0)) {
    const std::int64_t stem_channels = std::int64_t{config.channels} * config.stem_multiplier;
    CellPlace place{stem_channels, stem_channels, config.channels};
    for (int i = 0; i < config.cells; ++i) {
      place.reduce = config.reduces(i);
      place.channels *= place.reduce ? 2 : 1;
      const auto id = static_cast<std::uint64_t>(i);
      cells.push_back(
          std::make_unique<SupernetCell>(stream, fmt::format("cell{}", i), config, place, key.derive(2 + 2 * id)));
      skips.push_back(
          CellSkip::make(stream, fmt::format("cell{}.skip", i), place, config.style, key.derive(3 + 2 * id)));
      place = {place.previous, kCellNodes * place.channels, place.channels, false, place.reduce};
    }
    classifier = std::make_unique<nn::Dense>(stream, "classifier", place.previous, config.classes, key.derive(1));
  }

  void shared_parameters(const Visit& visit) {
    stem.parameters(visit);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      cells[i]->shared_parameters(visit);
      if (skips[i]) {
        skips[i]->parameters(visit);
      }
    }
    classifier->parameters(visit);
  }

  Stem stem;
  std::vector<std::unique_ptr<SupernetCell>> cells;
  std::vector<std::unique_ptr<CellSkip>> skips;  // null: none
  std::unique_ptr<nn::Dense> classifier;
};

Supernet::~Supernet() = default;

Supernet::Supernet(Stream& stream, const SupernetConfig& config, const RandomKey& key)
    : config_(config), stream_(stream) {
  config.validate();
  cells_ = std::make_unique<Cells>(stream, config, key.derive(0));
  const auto operations = static_cast<std::int64_t>(candidates(config.style.operations).size());
  for (std::size_t type = 0; type < alpha_.size(); ++type) {
    const char* name = type == 0 ? "normal" : "reduce";
    alpha_[type] = architecture_parameter(stream, fmt::format("alpha.{}", name), {kCellEdges, operations},
                                          key.derive(1 + 2 * type));
    beta_[type] = architecture_parameter(stream, fmt::format("beta.{}", name), {kCellEdges}, key.derive(2 + 2 * type));
  }
  rule_.groups = edge_nodes();
  rule_.edge_weights = config.edge_weights;
  set_alive(all_alive(static_cast<int>(operations)));
}

Var Supernet::forward(Context& ctx, const Var& images) {
  std::array<Var, 2> weights;
  for (std::size_t type = 0; type < weights.size(); ++type) {
    weights[type] =
        ops::mixture_weights(ctx, nn::use(ctx, alpha_[type]), nn::use(ctx, beta_[type]), mask_[type], rule_);
  }
  Var x0 = cells_->stem.forward(ctx, images);
  Var x1 = x0;
  for (std::size_t i = 0; i < cells_->cells.size(); ++i) {
    const std::size_t type = config_.reduces(static_cast<int>(i)) ? 1 : 0;
    Var y = cells_->cells[i]->forward(ctx, x0, x1, weights[type], alive_[type]);
    if (cells_->skips[i]) {
      y = ops::add(ctx, y, cells_->skips[i]->forward(ctx, x1));
    }
    x0 = std::move(x1);
    x1 = std::move(y);
  }
  return cells_->classifier->forward(ctx, ops::global_avg_pool(ctx, x1));
}

void Supernet::set_alive(const Alive& alive) {
  alive_ = alive;
  const auto operations = static_cast<std::int64_t>(candidates(config_.style.operations).size());
  for (std::size_t type = 0; type < alive.size(); ++type) {
    std::vector<float> mask(static_cast<std::size_t>(kCellEdges * operations), 0.0F);
    for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
      for (const int operation : alive[type][edge]) {
        check(operation >= 0 && operation < operations, "supernet", "an operation that its set does not have");
        mask[edge * static_cast<std::size_t>(operations) + static_cast<std::size_t>(operation)] = 1.0F;
      }
    }
    mask_[type] = Tensor::from_host(stream_, {kCellEdges, operations}, std::span<const float>(mask));
  }
}

void Supernet::set_alive(const Selection& selection) {
  Alive alive;
  for (std::size_t type = 0; type < alive.size(); ++type) {
    for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
      alive[type][edge] = {selection[type][edge]};
    }
  }
  set_alive(alive);
}

void Supernet::set_trained(Trained trained) {
  parameters([&](nn::Parameter& parameter) { parameter.frozen = trained == Trained::architecture; });
  for (nn::Parameter* parameter : architecture()) {
    parameter->frozen = trained == Trained::weights;
  }
}

void Supernet::parameters(const Visit& visit) {
  cells_->shared_parameters(visit);
  const std::size_t operations = candidates(config_.style.operations).size();
  for (const auto& cell : cells_->cells) {
    for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
      for (std::size_t o = 0; o < operations; ++o) {
        cell->operation_parameters(edge, o, visit);
      }
    }
  }
}

std::vector<nn::Parameter*> Supernet::alive_parameters() {
  std::vector<nn::Parameter*> list;
  const auto add = [&](nn::Parameter& parameter) { list.push_back(&parameter); };
  cells_->shared_parameters(add);
  for (std::size_t i = 0; i < cells_->cells.size(); ++i) {
    const std::size_t type = config_.reduces(static_cast<int>(i)) ? 1 : 0;
    for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
      for (const int o : alive_[type][edge]) {
        cells_->cells[i]->operation_parameters(edge, static_cast<std::size_t>(o), add);
      }
    }
  }
  return list;
}

std::vector<nn::Parameter*> Supernet::architecture() { return {&alpha_[0], &beta_[0], &alpha_[1], &beta_[1]}; }

ArchitectureValues Supernet::architecture_values() {
  ArchitectureValues values;
  for (std::size_t type = 0; type < values.size(); ++type) {
    const std::vector<float> alpha = alpha_[type].value.to_host(stream_), beta = beta_[type].value.to_host(stream_);
    const std::size_t k = alpha.size() / kCellEdges;
    for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
      const auto row = alpha.begin() + static_cast<std::ptrdiff_t>(edge * k);
      values[type].alpha[edge].assign(row, row + static_cast<std::ptrdiff_t>(k));
      values[type].beta[edge] = beta[edge];
    }
  }
  return values;
}

void Supernet::buffers(const VisitBuffer& visit) {
  cells_->stem.buffers(visit);
  for (std::size_t i = 0; i < cells_->cells.size(); ++i) {
    cells_->cells[i]->buffers(visit);
    if (cells_->skips[i]) {
      cells_->skips[i]->buffers(visit);
    }
  }
}

std::int64_t Supernet::parameter_count() {
  std::int64_t count = 0;
  parameters([&](const nn::Parameter& parameter) { count += parameter.value.numel(); });
  return count;
}

void Supernet::prepare_weights() {
  if (config_.style.precision.binary_weights && config_.style.weights.center()) {
    for (const auto& cell : cells_->cells) {
      cell->convolutions([this](WeightedConv& conv) { conv.center(stream_); });
    }
  }
}

void Supernet::add_entropy_gradient(float weight) {
  for (std::size_t type = 0; type < alpha_.size(); ++type) {  // the mean over 28 edges is half of each type's
    dispatch<kernels::EntropyGradient>(stream_, alpha_[type].value, mask_[type], rule_.temperature, 0.5F * weight,
                                       alpha_[type].grad, GradMode::accumulate);
  }
}

}  // namespace bnas::nas
