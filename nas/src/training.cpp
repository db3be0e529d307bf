// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "batch_rule.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/kernels/loss.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/step_feed.hpp"

namespace bnas::nas {
namespace {

const std::vector<std::string> kLosses{"squared_hinge", "softmax_cross_entropy"};
const std::vector<std::string> kOptimizers{"adam", "amsgrad", "sgd", "bop"};

void require_word(const char* key, const std::string& word, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), word) != words.end()) {
    return;
  }
  const std::string nearest = nearest_name(word, words.data(), words.data() + words.size());
  throw Error(ErrorKind::usage, fmt::format("{} is '{}', must be one of {}{}", key, word, fmt::join(words, ", "),
                                            nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
}

void require_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw Error(ErrorKind::usage, fmt::format("{} is {}, must be {} to {}", key, value, low, high));
  }
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Recipe& recipe) {
  AdamRule adam;
  adam.weight_decay = recipe.weight_decay;
  adam.eps = recipe.adam_eps;
  if (recipe.optimizer == "sgd") {
    return optim::make_sgd(
        {.momentum = recipe.momentum, .weight_decay = recipe.weight_decay, .nesterov = recipe.nesterov}, recipe.step);
  }
  if (recipe.optimizer == "bop") {
    return optim::make_bop({.gamma = recipe.bop_gamma, .threshold = recipe.bop_threshold},
                           optim::make_adam(adam, false, recipe.step));
  }
  return optim::make_adam(adam, recipe.optimizer == "amsgrad", recipe.step);
}

}  // namespace

void Recipe::validate() const {
  require_word("loss", loss, kLosses);
  require_word("optimizer", optimizer, kOptimizers);
  require_range("batch_size", batch_size, 1, 65536);
  require_range("lr_start", schedule.lr_start, 1e-12, 1e6);
  require_range("lr_end", schedule.lr_end, 1e-12, 1e6);
  require_range("warmup_epochs", schedule.warmup_epochs, 0, 1e6);
  require_range("weight_decay", weight_decay, 0, 1);
  require_range("adam_eps", adam_eps, 1e-12, 1);
  require_range("momentum", momentum, 0, 1);
  require_range("bop_gamma", bop_gamma, 0, 1);
  require_range("bop_threshold", bop_threshold, 0, 1);
  require_range("grad_clip", grad_clip, 0, 1e6);
  require_range("latent_clip", step.latent_clip, 0, 1e6);
  validate_batch_rule(batch);
  require_range("bn_momentum", layers.batch_norm.momentum, 0, 1);
  require_range("bn_eps", layers.batch_norm.eps, 1e-12, 1);
}

std::string Recipe::text() const {
  return fmt::format(
      "loss={} optimizer={} schedule={} lr={}..{} warmup={} batch={} decay={} adam_eps={} momentum={} nesterov={} "
      "bop={},{} "
      "grad_clip={} latent_clip={} glorot_lr={} activation_gradient={} weight_gradient={} pad={} xnor_scale={} "
      "bn={},{} "
      "{}",
      loss, optimizer, optim::schedule_name(schedule.kind), schedule.lr_start, schedule.lr_end, schedule.warmup_epochs,
      batch_size, weight_decay, adam_eps, momentum, nesterov, bop_gamma, bop_threshold, grad_clip, step.latent_clip,
      step.glorot_lr, ops::pseudo_gradient_name(layers.activation), ops::pseudo_gradient_name(layers.weight),
      layers.pad_value == PadValue::zero ? "zero" : "one", layers.xnor_scale, layers.batch_norm.momentum,
      layers.batch_norm.eps, batch_rule_text(batch));
}

Training::Training(Stream& stream, NetworkPlan plan, const Recipe& recipe, const RandomKey& init)
    : stream_(stream),
      recipe_(recipe),
      network_(stream, std::move(plan), recipe.layers, init),
      optimizer_(make_optimizer(recipe)),
      loss_sum_(Tensor::zeros(stream, {}, DType::f32)),
      correct_(Tensor::zeros(stream, {}, DType::i32)) {
  network_.parameters([this](nn::Parameter& parameter) { parameters_.push_back(&parameter); });
  optimizer_->prepare(stream_, parameters_);
  if (recipe_.layers.weight == PseudoGradient::ste_sign && !recipe_.layers.xnor_scale) {  // scales need the weights
    weight_bits_.emplace(stream_, parameters_);
  }
}

StepValues Training::step_values(std::int64_t number, float lr, const RandomKey& random) const {
  return {.lr = lr, .bias_correction = optimizer_->bias_correction(number), .first_row = 0, .random = random};
}

void Training::step(const Tensor& images, const Tensor& labels, const Tensor& values) {
  step(images, labels, values, {});
}

void Training::step(const Tensor& images, const Tensor& labels, const Tensor& values,
                    const std::function<void(const PlanNode&, const Var&)>& visit) {
  if (weight_bits_) {
    weight_bits_->binarize(stream_);
  }
  Tape tape(stream_);
  Context ctx{stream_, &tape, Mode::train, values};
  const Var logits = network_.forward(ctx, Var{images}, visit);
  Tensor loss(stream_, {}, DType::f32), gradient(stream_, logits.shape(), DType::f32);
  if (recipe_.loss == "squared_hinge") {
    dispatch<kernels::SquaredHinge>(stream_, logits.value, labels, loss, gradient);
  } else {
    dispatch<kernels::SoftmaxCrossEntropy>(stream_, logits.value, labels, 0.0F, loss, gradient);
  }
  dispatch<kernels::AddMetrics>(stream_, logits.value, labels, loss, loss_sum_, correct_);
  saved_bytes_ = tape.saved_bytes();
  tape.backward(logits, gradient);
  if (weight_bits_) {
    weight_bits_->mask_gradients(stream_);
  }
  if (recipe_.grad_clip > 0.0F) {
    optim::clip_grad_norm(stream_, parameters_, recipe_.grad_clip);
  }
  optimizer_->step(stream_, values);
}

EpochSums Training::take_sums(std::int64_t images) {
  const auto n = static_cast<double>(images);
  const EpochSums sums{loss_sum_.to_host(stream_)[0] / n, correct_.to_host(stream_)[0] / n};
  loss_sum_.fill(stream_, 0.0F);
  correct_.copy_from(stream_, Tensor::zeros(stream_, {}, DType::i32));  // in place: recorded steps add to it
  return sums;
}

double Training::evaluate(const Tensor& images, const Tensor& labels) {
  const std::int64_t count = labels.numel();
  const Shape& shape = images.shape();
  Tensor correct = Tensor::zeros(stream_, {}, DType::i32);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  const Tensor order = Tensor::from_host(stream_, {count}, std::span<const std::int32_t>(rows));
  std::vector<StepValues> steps;
  for (std::int64_t begin = 0; begin < count; begin += recipe_.batch_size) {
    steps.push_back({.first_row = begin});
  }
  StepFeed feed(stream_, static_cast<std::int64_t>(steps.size()));
  feed.load(stream_, steps);
  for (std::int64_t begin = 0; begin < count; begin += recipe_.batch_size) {
    const std::int64_t size = std::min<std::int64_t>(recipe_.batch_size, count - begin);
    feed.advance(stream_);
    Tensor batch(stream_, {size, shape[1], shape[2], shape[3]}, DType::f32);
    Tensor batch_labels(stream_, {size}, DType::i32);
    dispatch<kernels::GatherBatch>(stream_, images, labels, order, feed.current(),
                                   BatchRule{.offset = recipe_.batch.offset}, batch, batch_labels);
    Context ctx{stream_};
    const Var logits = network_.forward(ctx, Var{batch});
    dispatch<kernels::CountCorrect>(stream_, logits.value, batch_labels, correct);
    stream_.mark_step();
  }
  return correct.to_host(stream_)[0] / static_cast<double>(count);
}

bool Training::finite() {
  Tensor sum = Tensor::zeros(stream_, {}, DType::f32);
  state([&](const std::string&, Tensor& tensor) {
    if (tensor.dtype() == DType::f32) {
      dispatch<kernels::SumSquares>(stream_, tensor, sum, GradMode::accumulate);
    }
  });
  return std::isfinite(sum.to_host(stream_)[0]);
}

void Training::weights(const std::function<void(const std::string&, Tensor&)>& visit) {
  network_.parameters([&](nn::Parameter& parameter) { visit(parameter.name, parameter.value); });
  network_.buffers(visit);
}

void Training::state(const std::function<void(const std::string&, Tensor&)>& visit) {
  weights(visit);
  optimizer_->slots(visit);
  visit("loss_sum", loss_sum_);
  visit("correct", correct_);
}

}  // namespace bnas::nas
