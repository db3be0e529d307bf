// SPDX-License-Identifier: Apache-2.0
#include "differentiable/search_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bnas/core/data/epoch_order.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/trace.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/differentiable/cell_cost.hpp"

namespace bnas::nas {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kTrial = 1;  // of the checkpoint store
constexpr std::uint64_t kParentStream = 1;

/// Of the training images; part of the keys of their orders.
enum class Half : std::uint64_t { weights, architecture };

std::int64_t most_batches(std::int64_t images, int a, int b) { return images / std::min(a, b) + 1; }

}  // namespace

SearchRun::SearchRun(Stream& stream, const DifferentiableConfig& config, const DeviceImages& train,
                     const DeviceImages& valid, std::string fingerprint, const DifferentiableContext& context)
    : stream_(stream),
      config_(config),
      train_(train),
      valid_(valid),
      fingerprint_(std::move(fingerprint)),
      context_(context),
      ledger_(epoch_ledger(config)),
      store_(context.directory, context.run_id, kTrial),
      child_(stream, config.network, config, RandomKey{config.seed, 0, RandomPurpose::init}),
      weight_order_(stream, {half()}, DType::i32),
      architecture_order_(stream, {half()}, DType::i32),
      weight_feed_(stream, most_batches(half(), config.batch_size, config.trial_batch_size)),
      architecture_feed_(stream, most_batches(half(), config.batch_size, config.trial_batch_size)),
      supernet_left_(config.warmup_epochs) {
  if (config.score.method == ScoreMethod::parent_child && config.reduces) {
    parent_ = std::make_unique<SearchNetwork>(stream, config.network.real_twin(), config,
                                              RandomKey{config.seed, kParentStream, RandomPurpose::init});
  }
  if (config.reduces) {
    reduction_ =
        Reduction::make(config.reduction, static_cast<int>(candidates(config.network.style.operations).size()));
  }
}

DifferentiableResult SearchRun::run() {
  restore();
  while (true) {
    if (supernet_left_ > 0) {
      supernet_epoch();
    } else if (reduction_ && !reduction_->done()) {
      round();
    } else {
      break;
    }
  }
  return {genotype(), history_};
}

/// Uploads order and step values of the unit's epoch that are still to come, for weights and architecture.
void SearchRun::load_steps(SearchNetwork& network, const Epoch& epoch) {
  const auto unit = static_cast<std::uint64_t>(units_);
  const auto load_order = [&](Half which, Tensor& order) {
    std::vector<std::int32_t> rows = random_permutation(
        RandomKey{config_.seed, static_cast<std::uint64_t>(which), RandomPurpose::shuffle}.derive(unit), half());
    for (std::int32_t& row : rows) {
      row += which == Half::architecture ? static_cast<std::int32_t>(half()) : 0;
    }
    order.upload(stream_, std::as_bytes(std::span(rows)));
  };
  load_order(Half::weights, weight_order_);
  load_order(Half::architecture, architecture_order_);
  const auto key = [&](Half which, std::int64_t batch) {
    return RandomKey{config_.seed, static_cast<std::uint64_t>(which), RandomPurpose::dropout}.derive(unit).derive(
        static_cast<std::uint64_t>(batch));
  };
  const std::int64_t batches = (half() + epoch.batch_size - 1) / epoch.batch_size;
  std::vector<StepValues> weights, architecture;
  const double confidence =
      config_.confident_lr ? std::pow(static_cast<double>(supernet_epochs_ + 1) / ledger_.supernet, 2.0) : 1.0;
  for (std::int64_t batch = batch_; batch < batches; ++batch) {
    StepValues values;
    values.lr = config_.schedule.at(static_cast<double>(units_), ledger_.all());
    values.first_row = batch * epoch.batch_size;
    values.random = key(Half::weights, batch);
    weights.push_back(values);
    values.random = key(Half::architecture, batch);
    values.lr = static_cast<float>(confidence) * config_.arch_lr;
    values.bias_correction = network.bias_correction(architecture_steps_ + batch + 1);
    architecture.push_back(values);
  }
  weight_feed_.load(stream_, weights);
  architecture_feed_.load(stream_, architecture);
}

void SearchRun::gather(const Tensor& order, const StepFeed& feed, const BatchRule& rule, std::int64_t size,
                       Tensor& images, Tensor& labels) const {
  const Shape& shape = train_.images.shape();
  images = Tensor(stream_, {size, shape[1], shape[2], shape[3]}, DType::f32);
  labels = Tensor(stream_, {size}, DType::i32);
  dispatch<kernels::GatherBatch>(stream_, train_.images, train_.labels, order, feed.current(), rule, images, labels);
}

/// One pass over the weights' half: before each step on weights, one on the architecture where it is trained.
EpochSums SearchRun::train_epoch(SearchNetwork& network, const Epoch& epoch) {
  load_steps(network, epoch);
  const float entropy =
      config_.entropy_weight * std::exp(-static_cast<float>(supernet_epochs_) / config_.entropy_decay);
  const float fraction = static_cast<float>(units_) / static_cast<float>(ledger_.all());
  network.net().set_temperature(config_.temperature_start *
                                std::pow(config_.temperature_end / config_.temperature_start, fraction));
  const auto step = [&](std::int64_t size) {
    Tensor images, labels;
    weight_feed_.advance(stream_);
    architecture_feed_.advance(stream_);
    if (epoch.architecture) {
      gather(architecture_order_, architecture_feed_, config_.batch, size, images, labels);
      network.architecture_step(images, labels, architecture_feed_.current(), entropy);
    }
    gather(weight_order_, weight_feed_, config_.batch, size, images, labels);
    network.weight_step(images, labels, weight_feed_.current());
  };
  const std::int64_t rest = half() % epoch.batch_size;
  const std::unique_ptr<Repeated> whole = stream_.repeat([&] { step(epoch.batch_size); });
  for (; batch_ < half() / epoch.batch_size; ++batch_) {
    pause();
    const TraceRange range(TraceCategory::step, "step", batch_);
    whole->run();
  }
  if (rest > 0) {
    step(rest);
  }
  batch_ = 0;
  const EpochSums sums = network.take_sums(half());
  if (!std::isfinite(sums.loss)) {
    throw Error(ErrorKind::bad_data,
                fmt::format("the supernet has diverged in epoch {} of {}: its loss is not finite; lower lr_start or "
                            "arch_lr, or clip gradients (grad_clip)",
                            units_ + 1, ledger_.all()));
  }
  return sums;
}

void SearchRun::supernet_epoch() {
  const TraceRange range(TraceCategory::epoch, "supernet epoch", supernet_epochs_);
  const bool architecture = supernet_epochs_ >= config_.frozen_epochs;
  for (; network_ < network_count(); ++network_) {
    const EpochSums sums = train_epoch(network(network_), {config_.batch_size, architecture});
    if (network_ == 0) {
      loss_ = sums.loss;
      accuracy_ = sums.accuracy;
    }
  }
  network_ = 0;
  architecture_steps_ += architecture ? (half() + config_.batch_size - 1) / config_.batch_size : 0;
  const double accuracy = child_.accuracy(valid_, config_.trial_batch_size);
  const std::string line = Json{{"event", "epoch"},
                                {"epoch", supernet_epochs_ + 1},
                                {"architecture", architecture},
                                {"loss", loss_},
                                {"accuracy", accuracy_},
                                {"valid_accuracy", accuracy},
                                {"lr", config_.schedule.at(static_cast<double>(units_), ledger_.all())},
                                {"genotype", genotype_by_weights().text()}}
                               .dump();
  ++units_;
  ++supernet_epochs_;
  --supernet_left_;
  history_.push_back(line);
  save();
  if (context_.on_event) {
    context_.on_event(line);
  }
}

/// Accuracy of the path that was just trained.
double SearchRun::measure(SearchNetwork& network) {
  // Running statistics still hold those of other paths: a few batches settle them.
  std::vector<StepValues> steps;
  const std::int64_t whole = half() / config_.trial_batch_size;
  const auto batches = std::min<std::int64_t>(config_.recalibration_batches, whole);
  for (std::int64_t batch = 0; batch < batches; ++batch) {
    steps.push_back({.first_row = batch * config_.trial_batch_size});
  }
  if (!steps.empty()) {
    weight_feed_.load(stream_, steps);
  }
  for (std::int64_t batch = 0; batch < batches; ++batch) {
    Tensor images, labels;
    weight_feed_.advance(stream_);
    gather(weight_order_, weight_feed_, {.offset = config_.batch.offset}, config_.trial_batch_size, images, labels);
    network.recalibrate(images, weight_feed_.current());
  }
  return network.accuracy(valid_, config_.trial_batch_size);
}

void SearchRun::trial(const Selection& selection) {
  const TraceRange range(TraceCategory::epoch, "trial", units_);
  double parent_accuracy = 0.0;
  for (; network_ < network_count(); ++network_) {
    SearchNetwork& trained = network(network_);
    if (config_.copy_weights && copies_.empty()) {
      trained.weights([&](const std::string&, Tensor& tensor) { copies_.push_back(tensor.clone(stream_)); });
    }
    trained.set_alive(selection);
    train_epoch(trained, {config_.trial_batch_size, false});
    (network_ == 0 ? accuracy_ : parent_accuracy) = measure(trained);
    std::size_t i = 0;
    if (!copies_.empty()) {
      trained.weights([&](const std::string&, Tensor& tensor) { tensor.copy_from(stream_, copies_[i++]); });
    }
    copies_.clear();
    trained.set_alive(reduction_->alive());
  }
  network_ = 0;
  const Shape& shape = train_.images.shape();
  const NetworkCost cost =
      selection_cost(config_.network, selection, static_cast<int>(shape[1]), static_cast<int>(shape[2]));
  reduction_->tell(config_.score.score(accuracy_, parent_accuracy, kilobytes(cost), megaops(cost)));
  ++units_;
}

/// The next step of a round of the reduction: a trial, or the removal that ends it.
void SearchRun::round() {
  const bool begun =
      !reduction_->journal().empty() && reduction_->journal().back().find("\"event\":\"removal\"") == std::string::npos;
  if (!begun) {
    reduction_->begin_round(child_.net().architecture_values());
  }
  if (const auto selection = reduction_->next_trial()) {
    trial(*selection);
  } else {
    reduction_->finish_round();
    for (std::size_t i = 0; i < network_count(); ++i) {
      network(i).set_alive(reduction_->alive());
    }
    supernet_left_ = config_.refresh_epochs;
  }
  save();
  add_decisions();
}

DartsGenotype SearchRun::genotype_by_weights() {
  return derive_by_weights(config_.network.style.operations, child_.net().architecture_values(), child_.net().alive(),
                           config_.derivation);
}

DartsGenotype SearchRun::genotype() {
  return reduction_ ? derive_by_scores(config_.network.style.operations, child_.net().architecture_values(),
                                       reduction_->alive(), reduction_->final_scores(), config_.derivation)
                    : genotype_by_weights();
}

}  // namespace bnas::nas
