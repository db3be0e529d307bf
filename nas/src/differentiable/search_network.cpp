// SPDX-License-Identifier: Apache-2.0
#include "differentiable/search_network.hpp"

#include <algorithm>
#include <numeric>

#include "bnas/core/kernels/loss.hpp"
#include "bnas/core/kernels/optim.hpp"

namespace bnas::nas {

SearchNetwork::SearchNetwork(Stream& stream, const SupernetConfig& network, const DifferentiableConfig& config,
                             const RandomKey& init)
    : stream_(stream),
      grad_clip_(config.grad_clip),
      move_statistics_(config.architecture_moves_statistics),
      input_offset_(config.batch.offset),
      net_(stream, network, init),
      weights_(optim::make_sgd({.momentum = config.momentum, .weight_decay = config.weight_decay})),
      architecture_(optim::make_adam({.beta1 = config.arch_beta1,
                                      .beta2 = config.arch_beta2,
                                      .eps = 1e-8F,
                                      .weight_decay = config.arch_weight_decay},
                                     false)),
      loss_sum_(Tensor::zeros(stream, {}, DType::f32)),
      correct_(Tensor::zeros(stream, {}, DType::i32)) {
  std::vector<nn::Parameter*> parameters;
  net_.parameters([&](nn::Parameter& parameter) { parameters.push_back(&parameter); });
  weights_->prepare(stream, parameters);
  architecture_->prepare(stream, net_.architecture());
  set_alive(Alive(net_.alive()));
}

void SearchNetwork::weight_step(const Tensor& images, const Tensor& labels, const Tensor& values) {
  net_.set_trained(Trained::weights);
  net_.prepare_weights();
  Tape tape(stream_, Keep::parts);
  Context ctx{stream_, &tape, Mode::train, values};
  const Var logits = net_.forward(ctx, Var{images});
  Tensor loss(stream_, {}, DType::f32), gradient(stream_, logits.shape(), DType::f32);
  dispatch<kernels::SoftmaxCrossEntropy>(stream_, logits.value, labels, 0.0F, loss, gradient);
  dispatch<kernels::AddMetrics>(stream_, logits.value, labels, loss, loss_sum_, correct_);
  tape.backward(logits, gradient);
  if (grad_clip_ > 0.0F) {
    optim::clip_grad_norm(stream_, moved_, grad_clip_);
  }
  weights_->step(stream_, values);
}

void SearchNetwork::architecture_step(const Tensor& images, const Tensor& labels, const Tensor& values, float entropy) {
  net_.set_trained(Trained::architecture);
  std::vector<Tensor> statistics;
  if (!move_statistics_) {
    net_.buffers([&](const std::string&, Tensor& buffer) { statistics.push_back(buffer.clone(stream_)); });
  }
  Tape tape(stream_, Keep::parts);
  Context ctx{stream_, &tape, Mode::train, values};
  const Var logits = net_.forward(ctx, Var{images});
  Tensor loss(stream_, {}, DType::f32), gradient(stream_, logits.shape(), DType::f32);
  dispatch<kernels::SoftmaxCrossEntropy>(stream_, logits.value, labels, 0.0F, loss, gradient);
  tape.backward(logits, gradient);
  if (entropy != 0.0F) {
    net_.add_entropy_gradient(-entropy);
  }
  architecture_->step(stream_, values);
  if (!move_statistics_) {
    std::size_t i = 0;
    net_.buffers([&](const std::string&, Tensor& buffer) { buffer.copy_from(stream_, statistics[i++]); });
  }
}

void SearchNetwork::recalibrate(const Tensor& images, const Tensor& values) {
  Context ctx{stream_, nullptr, Mode::train, values};
  net_.forward(ctx, Var{images});
}

EpochSums SearchNetwork::take_sums(std::int64_t images) {
  const auto n = static_cast<double>(images);
  const EpochSums sums{loss_sum_.to_host(stream_)[0] / n, correct_.to_host(stream_)[0] / n};
  loss_sum_.fill(stream_, 0.0F);
  correct_.copy_from(stream_, Tensor::zeros(stream_, {}, DType::i32));  // in place: recorded steps add to it
  return sums;
}

double SearchNetwork::accuracy(const DeviceImages& data, int batch_size) {
  const std::int64_t count = data.labels.numel();
  const Shape& shape = data.images.shape();
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  const Tensor order = Tensor::from_host(stream_, {count}, std::span<const std::int32_t>(rows));
  Tensor correct = Tensor::zeros(stream_, {}, DType::i32);
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t size = std::min<std::int64_t>(batch_size, count - begin);
    Tensor images(stream_, {size, shape[1], shape[2], shape[3]}, DType::f32), labels(stream_, {size}, DType::i32);
    dispatch<kernels::GatherBatch>(stream_, data.images, data.labels, order, step_tensor(stream_, {.first_row = begin}),
                                   BatchRule{.offset = input_offset_}, images, labels);
    Context ctx{stream_};
    const Var logits = net_.forward(ctx, Var{images});
    dispatch<kernels::CountCorrect>(stream_, logits.value, labels, correct);
  }
  return correct.to_host(stream_)[0] / static_cast<double>(count);
}

void SearchNetwork::weights(const std::function<void(const std::string&, Tensor&)>& visit) {
  net_.parameters([&](nn::Parameter& parameter) { visit(parameter.name, parameter.value); });
  net_.buffers(visit);
  weights_->slots(visit);
}

void SearchNetwork::state(const std::function<void(const std::string&, Tensor&)>& visit) {
  weights(visit);
  for (nn::Parameter* parameter : net_.architecture()) {
    visit(parameter->name, parameter->value);
  }
  architecture_->slots(visit);
  visit("loss_sum", loss_sum_);
  visit("correct", correct_);
}

}  // namespace bnas::nas
