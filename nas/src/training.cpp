// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/training.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bnas/core/kernels/loss.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/step_feed.hpp"

namespace bnas::nas {

Training::Training(Stream& stream, std::unique_ptr<ChildNetwork> network, const Recipe& recipe)
    : stream_(stream),
      recipe_(recipe),
      network_(std::move(network)),
      optimizer_(make_optimizer(recipe)),
      loss_sum_(Tensor::zeros(stream, {}, DType::f32)),
      correct_(Tensor::zeros(stream, {}, DType::i32)) {
  network_->parameters([this](nn::Parameter& parameter) { parameters_.push_back(&parameter); });
  optimizer_->prepare(stream_, parameters_);
}

StepValues Training::step_values(std::int64_t number, float lr, const RandomKey& random) const {
  return {.lr = lr, .bias_correction = optimizer_->bias_correction(number), .first_row = 0, .random = random};
}

void Training::step(const Tensor& images, const Tensor& labels, const Tensor& values) {
  const ChildNetwork::Pass pass = network_->differentiate(images, labels, values);
  dispatch<kernels::AddMetrics>(stream_, pass.logits, labels, pass.loss, loss_sum_, correct_);
  saved_bytes_ = pass.saved_bytes;
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
    const Var logits = network_->forward(ctx, Var{batch});
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
  network_->parameters([&](nn::Parameter& parameter) { visit(parameter.name, parameter.value); });
  network_->buffers(visit);
}

void Training::state(const std::function<void(const std::string&, Tensor&)>& visit) {
  weights(visit);
  optimizer_->slots(visit);
  visit("loss_sum", loss_sum_);
  visit("correct", correct_);
}

}  // namespace bnas::nas
