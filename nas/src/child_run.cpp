// SPDX-License-Identifier: Apache-2.0
#include "child_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "bnas/core/data/epoch_order.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/tensor_io.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/trace.hpp"

namespace bnas::nas {
namespace {

RandomKey trial_key(const TrainerConfig& config, const Trial& trial, RandomPurpose purpose) {
  return {config.seed, static_cast<std::uint64_t>(trial.id), purpose};
}

std::int64_t epoch_images(const Budget& budget, const DeviceImages& train) {
  const std::int64_t all = train.labels.numel();
  return budget.max_images > 0 ? std::min(budget.max_images, all) : all;
}

/// Doubles travel through checkpoint counters by their bits.
std::int64_t to_counter(double value) { return std::bit_cast<std::int64_t>(value); }
double from_counter(std::int64_t bits) { return std::bit_cast<double>(bits); }

}  // namespace

ChildRun::ChildRun(Stream& stream, const SupervisedTask& task, const DeviceImages& train, const DeviceImages& valid,
                   const Trial& trial, const ChildContext& context)
    : stream_(stream),
      config_(task.config()),
      train_(train),
      valid_(valid),
      context_(context),
      trial_(trial),
      images_(epoch_images(trial.budget, train)),
      training_(stream, task.make_network(stream, trial.genotype, trial_key(task.config(), trial, RandomPurpose::init)),
                task.config().recipe),
      feed_(stream, batches()),
      order_(stream, {images_}, DType::i32),
      store_(context.directory, task.config().run_id, trial.id) {
  trial_.curve.clear();
  trial_.reward = 0.0;
  trial_.best_epoch = 0;
  record_steps();
}

Trial ChildRun::run() {
  restore();
  while (!complete()) {
    run_epoch();
  }
  trial_.status = diverged_ ? TrialStatus::diverged : TrialStatus::done;
  if (diverged_) {
    trial_.reward = 0.0;
    trial_.message = fmt::format("a weight or the loss was not finite in epoch {}", epoch_ + 1);
  }
  return std::move(trial_);
}

void ChildRun::restore() {
  const auto loaded = store_.load();
  if (!loaded) {
    if (config_.start) {
      start_from(*config_.start, training_, stream_);
    }
    return;
  }
  for (const std::string& problem : loaded->problems) {
    if (context_.on_warning) {
      context_.on_warning(problem + "; going on from " + loaded->path.string());
    }
  }
  const Checkpoint& checkpoint = loaded->checkpoint;
  epoch_ = checkpoint.counter("epoch");
  batch_ = checkpoint.counter("batch");
  diverged_ = checkpoint.counter("diverged") != 0;
  const bool sane = epoch_ >= 0 && epoch_ <= trial_.budget.epochs && batch_ >= 0;
  if (!sane) {
    throw Error(ErrorKind::bad_data,
                fmt::format("{}: epoch {} of {} is out of range; delete the directory to start the "
                            "child anew",
                            loaded->path.string(), epoch_, trial_.budget.epochs));
  }
  steps_ = checkpoint.counter("steps");
  trial_.best_epoch = static_cast<int>(checkpoint.counter("best_epoch"));
  trial_.reward = from_counter(checkpoint.counter("best_accuracy"));
  for (std::int64_t e = 1; e <= epoch_; ++e) {
    const auto value = [&](const char* what) {
      return from_counter(checkpoint.counter(fmt::format("epoch{}.{}", e, what)));
    };
    trial_.curve.push_back({static_cast<int>(e), value("loss"), value("train"), value("valid"), value("lr")});
    if (context_.on_epoch) {
      context_.on_epoch(trial_.curve.back());  // the first time this may have been cut off
    }
  }
  if (!complete()) {
    training_.state([&](const std::string& name, Tensor& tensor) {
      get_tensor(checkpoint.state, name, tensor, stream_, loaded->path.string());
    });
  }
}

void ChildRun::save() {
  const TraceRange range(TraceCategory::io, "checkpoint", epoch_);
  // Checkpoints hold finite numbers only; the end of the epoch would find the same.
  diverged_ = diverged_ || !training_.finite();
  Checkpoint checkpoint;
  checkpoint.counters = {{"epoch", epoch_},
                         {"batch", batch_},
                         {"diverged", diverged_ ? 1 : 0},
                         {"steps", steps_},
                         {"best_epoch", trial_.best_epoch},
                         {"best_accuracy", to_counter(trial_.reward)}};
  for (const EpochMetrics& m : trial_.curve) {
    const auto put = [&](const char* what, double value) {
      checkpoint.counters[fmt::format("epoch{}.{}", m.epoch, what)] = to_counter(value);
    };
    put("loss", m.train_loss);
    put("train", m.train_accuracy);
    put("valid", m.valid_accuracy);
    put("lr", m.learning_rate);
  }
  if (!complete()) {  // a finished child needs no optimizer slots: its result and best weights are enough
    training_.state(
        [&](const std::string& name, Tensor& tensor) { put_tensor(checkpoint.state, name, tensor, stream_); });
  }
  store_.save(checkpoint);
  saved_at_ = std::chrono::steady_clock::now();
}

void ChildRun::save_weights(const char* name) {
  TensorFile file;
  training_.weights(
      [&](const std::string& tensor_name, Tensor& tensor) { put_tensor(file, tensor_name, tensor, stream_); });
  file.metadata["genotype"] = trial_.text;
  file.metadata["trial"] = std::to_string(trial_.id);
  file.metadata["epoch"] = std::to_string(epoch_);
  write_file_atomic(context_.directory / name, serialize_tensors(file));
}

std::int64_t ChildRun::batches() const {
  const std::int64_t size = config_.recipe.batch_size;
  return (images_ + size - 1) / size;
}

float ChildRun::learning_rate(std::int64_t batch) const {
  const double epoch = static_cast<double>(epoch_) + static_cast<double>(batch) / static_cast<double>(batches());
  return config_.recipe.schedule.at(epoch, trial_.budget.epochs);
}

void ChildRun::record_steps() {
  whole_batch_.reset();  // its memory goes before the next takes as much
  last_batch_.reset();
  whole_batch_ = stream_.repeat([this] { run_batch(config_.recipe.batch_size); });
  last_batch_ = stream_.repeat([this] { run_batch(images_ % config_.recipe.batch_size); });
}

/// Uploads what the steps of this epoch that are still to be done differ in.
void ChildRun::feed_epoch() {
  const auto epoch = static_cast<std::uint64_t>(epoch_);
  const EpochOrder order(config_.seed, static_cast<std::uint64_t>(trial_.id), epoch, train_.labels.numel());
  order_.upload(stream_, std::as_bytes(order.rows().first(static_cast<std::size_t>(images_))));
  const RandomKey key = trial_key(config_, trial_, RandomPurpose::dropout).derive(epoch);
  std::vector<StepValues> steps;
  for (std::int64_t batch = batch_; batch < batches(); ++batch) {
    StepValues values = training_.step_values(steps_ + 1 + static_cast<std::int64_t>(steps.size()),
                                              learning_rate(batch), key.derive(static_cast<std::uint64_t>(batch)));
    values.first_row = batch * config_.recipe.batch_size;
    steps.push_back(values);
  }
  feed_.load(stream_, steps);
}

void ChildRun::run_batch(std::int64_t size) {
  const Shape& shape = train_.images.shape();
  Tensor images(stream_, {size, shape[1], shape[2], shape[3]}, DType::f32);
  Tensor labels(stream_, {size}, DType::i32);
  feed_.advance(stream_);
  dispatch<kernels::GatherBatch>(stream_, train_.images, train_.labels, order_, feed_.current(), config_.recipe.batch,
                                 images, labels);
  training_.step(images, labels, feed_.current());
}

void ChildRun::run_epoch() {
  const TraceRange range(TraceCategory::epoch, "epoch", epoch_);
  if (training_.network().begin_epoch(static_cast<int>(epoch_), trial_.budget.epochs)) {
    record_steps();
  }
  feed_epoch();
  for (; batch_ < batches(); ++batch_, ++steps_) {
    const bool stop = context_.stop != nullptr && context_.stop->load();
    const std::chrono::duration<double> age = std::chrono::steady_clock::now() - saved_at_;
    if (stop || age.count() > config_.checkpoint_seconds) {
      save();
      if (stop) {
        throw Interrupted();
      }
      if (diverged_) {
        return;
      }
    }
    const TraceRange step(TraceCategory::step, "step", batch_);
    const bool whole = (batch_ + 1) * config_.recipe.batch_size <= images_;
    (whole ? whole_batch_ : last_batch_)->run();
    stream_.mark_step();
  }
  const EpochSums sums = training_.take_sums(images_);
  diverged_ = !std::isfinite(sums.loss) || !training_.finite();
  if (diverged_) {  // the epoch is not part of the curve
    save();
    return;
  }
  const double accuracy =
      config_.hold_out ? training_.evaluate(valid_.images, valid_.labels) : std::numeric_limits<double>::quiet_NaN();
  const double lr = learning_rate(0);
  ++epoch_;
  batch_ = 0;
  trial_.curve.push_back({static_cast<int>(epoch_), sums.loss, sums.accuracy, accuracy, lr});
  if (trial_.best_epoch == 0 || accuracy > trial_.reward || !config_.hold_out) {
    trial_.reward = config_.hold_out ? accuracy : sums.accuracy;
    trial_.best_epoch = static_cast<int>(epoch_);
    save_weights(kBestWeightsFile);
  }
  if (config_.keep_last && complete()) {  // before the checkpoint that says so
    save_weights(kLastWeightsFile);
  }
  save();
  if (complete()) {
    save();  // the other generation too: what a finished child keeps is small
  }
  if (context_.on_epoch) {
    context_.on_epoch(trial_.curve.back());
  }
}

}  // namespace bnas::nas
