// SPDX-License-Identifier: Apache-2.0
// Losses of predictions against targets of the same shape; sums in double in index order.
#include <cmath>
#include <vector>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/loss.hpp"

namespace bnas::cpu {
namespace {

void expect_pair(const char* op, const Tensor& prediction, const Tensor& target, const Tensor& loss,
                 const Tensor& grad) {
  expect(op, "prediction", prediction, DType::f32);
  if (prediction.numel() == 0) {
    throw_unexpected(op, "prediction", prediction, "at least one element");
  }
  expect(op, "target", target, DType::f32, prediction.shape());
  expect(op, "loss", loss, DType::f32, Shape{});
  expect(op, "grad", grad, DType::f32, prediction.shape());
}

}  // namespace

void l1_loss(Stream& /*stream*/, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad) {
  expect_pair("l1_loss", prediction, target, loss, grad);
  const std::int64_t n = prediction.numel();
  const float* p = prediction.data<float>();
  const float* t = target.data<float>();
  auto* dp = grad.data<float>();
  const auto share = static_cast<float>(1.0 / static_cast<double>(n));
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += std::fabs(static_cast<double>(p[i]) - static_cast<double>(t[i]));
    dp[i] = p[i] > t[i] ? share : p[i] < t[i] ? -share : 0.0F;
  }
  *loss.data<float>() = static_cast<float>(sum / static_cast<double>(n));
}

void mse_loss(Stream& /*stream*/, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad) {
  expect_pair("mse_loss", prediction, target, loss, grad);
  const std::int64_t n = prediction.numel();
  const float* p = prediction.data<float>();
  const float* t = target.data<float>();
  auto* dp = grad.data<float>();
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double difference = static_cast<double>(p[i]) - static_cast<double>(t[i]);
    sum += difference * difference;
    dp[i] = static_cast<float>(2.0 * difference / static_cast<double>(n));
  }
  *loss.data<float>() = static_cast<float>(sum / static_cast<double>(n));
}

void pairwise_loss(Stream& /*stream*/, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad) {
  expect_pair("pairwise_loss", prediction, target, loss, grad);
  const std::int64_t n = prediction.numel();
  const float* p = prediction.data<float>();
  const float* t = target.data<float>();
  std::vector<double> gradient(static_cast<std::size_t>(n));
  std::int64_t pairs = 0;
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      if (!(t[i] > t[j])) {
        continue;
      }
      // log(1 + exp(-d)) and its derivative -1 / (1 + exp(d)), by way of exp(-|d|), which cannot overflow.
      const double d = static_cast<double>(p[i]) - static_cast<double>(p[j]);
      const double small = std::exp(-std::fabs(d));
      sum += std::log1p(small) + (d < 0.0 ? -d : 0.0);
      const double slope = (d < 0.0 ? 1.0 : small) / (1.0 + small);
      gradient[static_cast<std::size_t>(i)] -= slope;
      gradient[static_cast<std::size_t>(j)] += slope;
      ++pairs;
    }
  }
  const double share = pairs == 0 ? 0.0 : 1.0 / static_cast<double>(pairs);
  auto* dp = grad.data<float>();
  for (std::int64_t i = 0; i < n; ++i) {
    dp[i] = static_cast<float>(gradient[static_cast<std::size_t>(i)] * share);
  }
  *loss.data<float>() = static_cast<float>(sum * share);
}

}  // namespace bnas::cpu
