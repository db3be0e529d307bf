// SPDX-License-Identifier: Apache-2.0
// Losses over logits (N,K). N * K is a few thousand: plain loops, sums in double in index order.
#include <cmath>
#include <vector>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/loss.hpp"

namespace bnas::cpu {
namespace {

void expect_logits(const char* op, const Tensor& logits, const Tensor& labels) {
  expect(op, "logits", logits, DType::f32);
  if (logits.shape().rank() != 2 || logits.numel() == 0) {
    throw_unexpected(op, "logits", logits, "f32 (N, K) with N, K > 0");
  }
  expect(op, "labels", labels, DType::i32, Shape{logits.shape()[0]});
  expect_in_range(op, "labels", labels, logits.shape()[1]);
}

void expect_outputs(const char* op, const Tensor& logits, const Tensor& loss, const Tensor& grad) {
  expect(op, "loss", loss, DType::f32, Shape{});
  expect(op, "grad", grad, DType::f32, logits.shape());
}

}  // namespace

void squared_hinge(Stream& /*stream*/, const Tensor& logits, const Tensor& labels, Tensor& loss, Tensor& grad) {
  expect_logits("squared_hinge", logits, labels);
  expect_outputs("squared_hinge", logits, loss, grad);
  const std::int64_t n = logits.shape()[0];
  const std::int64_t classes = logits.shape()[1];
  const float* y = logits.data<float>();
  const std::int32_t* label = labels.data<std::int32_t>();
  auto* dy = grad.data<float>();
  const auto count = static_cast<double>(n * classes);
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < classes; ++k) {
      const double t = k == label[i] ? 1.0 : -1.0;
      const double slack = 1.0 - t * static_cast<double>(y[i * classes + k]);
      const double hinge = slack < 0.0 ? 0.0 : slack;  // NaN stays NaN
      sum += hinge * hinge;
      dy[i * classes + k] = static_cast<float>(-2.0 * t * hinge / count);
    }
  }
  *loss.data<float>() = static_cast<float>(sum / count);
}

void softmax_cross_entropy(Stream& /*stream*/, const Tensor& logits, const Tensor& labels, float smoothing,
                           Tensor& loss, Tensor& grad) {
  expect_logits("softmax_cross_entropy", logits, labels);
  expect_outputs("softmax_cross_entropy", logits, loss, grad);
  const std::int64_t n = logits.shape()[0];
  const std::int64_t classes = logits.shape()[1];
  const std::int32_t* label = labels.data<std::int32_t>();
  // Targets: smoothing / K everywhere, and 1 - smoothing more at the label.
  const double off = static_cast<double>(smoothing) / static_cast<double>(classes);
  const double on = 1.0 - static_cast<double>(smoothing) + off;
  std::vector<double> shifted(static_cast<std::size_t>(classes));
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float* y = logits.data<float>() + i * classes;
    float* dy = grad.data<float>() + i * classes;
    auto largest = static_cast<double>(y[0]);
    for (std::int64_t k = 1; k < classes; ++k) {
      largest = std::fmax(largest, static_cast<double>(y[k]));
    }
    double total = 0.0;
    for (std::int64_t k = 0; k < classes; ++k) {
      shifted[static_cast<std::size_t>(k)] = static_cast<double>(y[k]) - largest;
      total += std::exp(shifted[static_cast<std::size_t>(k)]);
    }
    const double log_total = std::log(total);
    for (std::int64_t k = 0; k < classes; ++k) {
      const double log_p = shifted[static_cast<std::size_t>(k)] - log_total;
      const double target = k == label[i] ? on : off;
      if (target != 0.0) {  // 0 * log 0 is 0
        sum -= target * log_p;
      }
      dy[k] = static_cast<float>((std::exp(log_p) - target) / static_cast<double>(n));
    }
  }
  *loss.data<float>() = static_cast<float>(sum / static_cast<double>(n));
}

void count_correct(Stream& /*stream*/, const Tensor& logits, const Tensor& labels, Tensor& correct) {
  expect_logits("count_correct", logits, labels);
  expect("count_correct", "correct", correct, DType::i32, Shape{});
  const std::int64_t classes = logits.shape()[1];
  const float* y = logits.data<float>();
  const std::int32_t* label = labels.data<std::int32_t>();
  std::int32_t hits = 0;
  for (std::int64_t i = 0; i < logits.shape()[0]; ++i, y += classes) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < classes; ++k) {
      best = y[k] > y[best] ? k : best;
    }
    hits += best == label[i] ? 1 : 0;
  }
  *correct.data<std::int32_t>() += hits;
}

void add_metrics(Stream& stream, const Tensor& logits, const Tensor& labels, const Tensor& loss, Tensor& loss_sum,
                 Tensor& correct) {
  expect("add_metrics", "loss", loss, DType::f32, Shape{});
  expect("add_metrics", "loss_sum", loss_sum, DType::f32, Shape{});
  count_correct(stream, logits, labels, correct);
  *loss_sum.data<float>() += static_cast<float>(labels.numel()) * *loss.data<float>();
}

}  // namespace bnas::cpu
