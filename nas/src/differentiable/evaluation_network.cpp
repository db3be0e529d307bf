// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/evaluation_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bnas/core/error.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/structure.hpp"
#include "differentiable/cell_skip.hpp"
#include "differentiable/discrete_cell.hpp"
#include "differentiable/stem.hpp"

namespace bnas::nas {
namespace {

void require_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw Error(ErrorKind::usage, fmt::format("{} is {}, must be {} to {}", key, value, low, high));
  }
}

bool is_auxiliary(const nn::Parameter& parameter) { return parameter.name.starts_with("auxiliary."); }

void require_set(const DartsCell& cell, OperationSet set) {
  for (const auto& node : cell) {
    for (const DartsEdge& edge : node) {
      const auto all = candidates(set);
      const bool known =
          std::any_of(all.begin(), all.end(), [&](const Candidate& c) { return c.name == edge.operation; });
      if (!known) {
        throw Error(ErrorKind::usage, fmt::format("the genotype's operation {} is not of the set {}; choose op_set as "
                                                  "the search had it",
                                                  edge.operation, operation_set_name(set)));
      }
    }
  }
}

}  // namespace

EvaluationConfig EvaluationConfig::imagenet() {
  EvaluationConfig config;
  config.cells = 14;
  config.channels = 48;
  config.large_images = true;
  config.drop_path = 0.0F;
  config.label_smoothing = 0.1F;
  config.classes = 1000;
  return config;
}

void EvaluationConfig::validate() const {
  require_range("evaluation_cells", cells, 1, 64);
  require_range("evaluation_channels", channels, 2, 1024);
  require_range("stem_multiplier", stem_multiplier, 1, 64);
  require_range("auxiliary_weight", static_cast<double>(auxiliary_weight), 0, 1e3);
  require_range("drop_path", static_cast<double>(drop_path), 0, 0.99);
  require_range("label_smoothing", static_cast<double>(label_smoothing), 0, 0.99);
  require_range("image_channels", image_channels, 1, 64);
  require_range("classes", classes, 2, 100'000);
  if (channels % 2 != 0) {
    throw Error(ErrorKind::usage, fmt::format("evaluation_channels is {}, must be even", channels));
  }
}

std::string EvaluationConfig::text() const {
  return fmt::format(
      "cells={} channels={} stem={} large={} auxiliary={},{} drop_path={} smoothing={} image={} classes={} {}", cells,
      channels, stem_multiplier, large_images, auxiliary, auxiliary_weight, drop_path, label_smoothing, image_channels,
      classes, style.text());
}

struct EvaluationNetwork::Parts {
  Parts(Stream& stream, const EvaluationConfig& config, const DartsGenotype& genotype, const RandomKey& key) {
    CellPlace place;
    place.channels = config.channels;
    if (config.large_images) {
      large_stem.emplace(stream, config.image_channels, config.channels, config.style, key.derive(0));
      place.before_previous = place.previous = config.channels;
      place.previous_reduced = true;
    } else {
      place.before_previous = place.previous = std::int64_t{config.channels} * config.stem_multiplier;
      stem.emplace(stream, config.image_channels, place.previous, config.style, key.derive(0));
    }
    for (int i = 0; i < config.cells; ++i) {
      place.reduce = config.reduces(i);
      place.channels *= place.reduce ? 2 : 1;
      const auto id = static_cast<std::uint64_t>(i);
      cells.push_back(std::make_unique<DiscreteCell>(stream, fmt::format("cell{}", i),
                                                     place.reduce ? genotype.reduce : genotype.normal, config.style,
                                                     place, key.derive(3 + 2 * id)));
      skips.push_back(
          CellSkip::make(stream, fmt::format("cell{}.skip", i), place, config.style, key.derive(4 + 2 * id)));
      place = {place.previous, kCellNodes * place.channels, place.channels, false, place.reduce};
      if (config.auxiliary && config.cells > 2 && i == 2 * config.cells / 3) {
        auxiliary.emplace(stream, place.previous, config.classes, config.large_images, config.style, key.derive(2));
        auxiliary_cell = i;
      }
    }
    classifier = std::make_unique<nn::Dense>(stream, "classifier", place.previous, config.classes, key.derive(1));
  }

  std::optional<Stem> stem;
  std::optional<ReducingStem> large_stem;
  std::vector<std::unique_ptr<DiscreteCell>> cells;
  std::vector<std::unique_ptr<CellSkip>> skips;  // null: none
  std::optional<AuxiliaryHead> auxiliary;
  int auxiliary_cell = -1;
  std::unique_ptr<nn::Dense> classifier;
};

struct EvaluationNetwork::Outputs {
  Var logits, auxiliary;
};

EvaluationNetwork::~EvaluationNetwork() = default;

EvaluationNetwork::EvaluationNetwork(Stream& stream, const EvaluationConfig& config, const DartsGenotype& genotype,
                                     const RandomKey& key)
    : config_(config), stream_(stream) {
  config.validate();
  require_set(genotype.normal, config.style.operations);
  require_set(genotype.reduce, config.style.operations);
  parts_ = std::make_unique<Parts>(stream, config, genotype, key);
}

EvaluationNetwork::Outputs EvaluationNetwork::run(Context& ctx, const Var& images, bool auxiliary) {
  Outputs out;
  Var x0, x1;
  if (parts_->large_stem) {
    std::tie(x0, x1) = parts_->large_stem->forward(ctx, images);
  } else {
    x0 = x1 = parts_->stem->forward(ctx, images);
  }
  for (std::size_t i = 0; i < parts_->cells.size(); ++i) {
    Var y = parts_->cells[i]->forward(ctx, x0, x1, drop_path_);
    if (parts_->skips[i]) {
      y = ops::add(ctx, y, parts_->skips[i]->forward(ctx, x1));
    }
    if (auxiliary && static_cast<int>(i) == parts_->auxiliary_cell) {
      out.auxiliary = parts_->auxiliary->forward(ctx, y);
    }
    x0 = std::move(x1);
    x1 = std::move(y);
  }
  out.logits = parts_->classifier->forward(ctx, ops::global_avg_pool(ctx, x1));
  return out;
}

Var EvaluationNetwork::forward(Context& ctx, const Var& images) { return run(ctx, images, false).logits; }

EvaluationNetwork::LossAndLogits EvaluationNetwork::loss(Context& ctx, const Var& images, const Tensor& labels) {
  const Outputs out = run(ctx, images, ctx.training());
  const Var own = ops::softmax_cross_entropy(ctx, out.logits, labels, config_.label_smoothing);
  if (!out.auxiliary.value.defined()) {
    return {own, out.logits};
  }
  const Var weight{Tensor::full(ctx.stream, {1}, config_.auxiliary_weight)};
  const Var helper = ops::softmax_cross_entropy(ctx, out.auxiliary, labels, config_.label_smoothing);
  return {ops::sum(ctx, {own, ops::scale_channels(ctx, helper, weight)}), out.logits};
}

ChildNetwork::Pass EvaluationNetwork::differentiate(const Tensor& images, const Tensor& labels, const Tensor& values) {
  prepare_weights();
  Tape tape(stream_);
  Context ctx{stream_, &tape, Mode::train, values};
  const auto [loss, logits] = this->loss(ctx, Var{images}, labels);
  Pass pass{logits.value, loss.value, tape.saved_bytes()};
  tape.backward(loss);
  return pass;
}

bool EvaluationNetwork::begin_epoch(int epoch, int epochs) {
  const float before = drop_path_;
  drop_path_ = config_.drop_path * static_cast<float>(epoch) / static_cast<float>(epochs);
  return drop_path_ != before;
}

void EvaluationNetwork::packed(const VisitPacked& visit) {
  std::set<std::string> shown;
  for (const auto& cell : parts_->cells) {
    cell->convolutions([&](WeightedConv& conv) {
      conv.parameters([&](const nn::Parameter& parameter) { shown.insert(parameter.name); });
      conv.packed(stream_, visit);
    });
  }
  parameters([&](const nn::Parameter& parameter) {
    if (!shown.contains(parameter.name) && !is_auxiliary(parameter)) {
      visit(parameter.name, parameter.value);
    }
  });
}

void EvaluationNetwork::parameters(const Visit& visit) {
  if (parts_->stem) {
    parts_->stem->parameters(visit);
  } else {
    parts_->large_stem->parameters(visit);
  }
  for (std::size_t i = 0; i < parts_->cells.size(); ++i) {
    parts_->cells[i]->parameters(visit);
    if (parts_->skips[i]) {
      parts_->skips[i]->parameters(visit);
    }
  }
  parts_->classifier->parameters(visit);
  if (parts_->auxiliary) {
    parts_->auxiliary->parameters(visit);
  }
}

void EvaluationNetwork::buffers(const VisitBuffer& visit) {
  if (parts_->stem) {
    parts_->stem->buffers(visit);
  } else {
    parts_->large_stem->buffers(visit);
  }
  for (std::size_t i = 0; i < parts_->cells.size(); ++i) {
    parts_->cells[i]->buffers(visit);
    if (parts_->skips[i]) {
      parts_->skips[i]->buffers(visit);
    }
  }
  if (parts_->auxiliary) {
    parts_->auxiliary->buffers(visit);
  }
}

std::int64_t EvaluationNetwork::parameter_count(bool with_auxiliary) {
  std::int64_t count = 0;
  parameters([&](const nn::Parameter& parameter) {
    count += with_auxiliary || !is_auxiliary(parameter) ? parameter.value.numel() : 0;
  });
  return count;
}

void EvaluationNetwork::prepare_weights() {
  if (config_.style.precision.binary_weights && config_.style.weights.center()) {
    for (const auto& cell : parts_->cells) {
      cell->convolutions([this](WeightedConv& conv) { conv.center(stream_); });
    }
  }
}

}  // namespace bnas::nas
