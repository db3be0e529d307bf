// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/loss.hpp"

#include <cmath>
#include <limits>

#include "kernel_support.hpp"

namespace bnas::test {
namespace {

class LossKernel : public CpuKernelTest {
 protected:
  Tensor labels(const Values& v) { return tensor(Shape{static_cast<std::int64_t>(v.size())}, DType::i32, v); }
  Tensor scalar() { return garbage(Shape{}, DType::f32); }

  /// Runs a loss of (prediction, target) and compares value and gradient.
  template <class Op>
  void expect_loss(const Shape& shape, const Values& p, const Values& t, double loss, const Values& gradient) {
    Tensor value = scalar();
    Tensor grad = garbage(shape, DType::f32);
    run<Op>(tensor(shape, DType::f32, p), tensor(shape, DType::f32, t), value, grad);
    expect_near(values(value), {loss}, 1e-7);
    expect_near(values(grad), gradient, 1e-7);
  }
};

TEST_F(LossKernel, SquaredHinge) {
  const std::int64_t n = 5, k = 3;
  const Values y = random(n * k, 1, 3.0);
  const Values label = {0, 2, 1, 1, 2};
  double loss = 0;
  Values gradient(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double t = static_cast<double>(i % 3) == label[i / 3] ? 1 : -1;
    const double hinge = std::max(0.0, 1 - t * y[i]);
    loss += hinge * hinge / static_cast<double>(n * k);
    gradient[i] = -2 * t * hinge / static_cast<double>(n * k);
  }
  Tensor value = scalar();
  Tensor grad = garbage(Shape{n, k}, DType::f32);
  run<kernels::SquaredHinge>(tensor(Shape{n, k}, DType::f32, y), labels(label), value, grad);
  expect_near(values(value), {loss}, 1e-7);
  expect_near(values(grad), gradient, 1e-7);
  run<kernels::SquaredHinge>(garbage(Shape{n, k}, DType::f32), labels(label), value, grad);
  EXPECT_TRUE(std::isnan(values(value)[0]));
}

TEST_F(LossKernel, SoftmaxCrossEntropyWithAndWithoutSmoothing) {
  const std::int64_t n = 4, k = 5;
  Values y = random(n * k, 2, 4.0);
  y[3] = 1000.0;  // exp overflows without the subtracted maximum
  const Values label = {3, 0, 4, 2};
  for (const double smoothing : {0.0, 0.1F + 0.0}) {
    double loss = 0;
    Values gradient(y.size());
    for (std::size_t i = 0; i < 4; ++i) {
      long double total = 0;
      for (std::size_t j = 0; j < 5; ++j) {
        total += std::exp(static_cast<long double>(y[i * 5 + j]));  // long double reaches e^11356
      }
      for (std::size_t j = 0; j < 5; ++j) {
        const double target = smoothing / 5 + (static_cast<double>(j) == label[i] ? 1 - smoothing : 0.0);
        const auto log_p = static_cast<double>(static_cast<long double>(y[i * 5 + j]) - std::log(total));
        loss -= target * log_p / 4;
        gradient[i * 5 + j] = (std::exp(log_p) - target) / 4;
      }
    }
    Tensor value = scalar();
    Tensor grad = garbage(Shape{n, k}, DType::f32);
    run<kernels::SoftmaxCrossEntropy>(tensor(Shape{n, k}, DType::f32, y), labels(label), static_cast<float>(smoothing),
                                      value, grad);
    expect_near(values(value), {loss}, 1e-6);
    expect_near(values(grad), gradient, 1e-7);
  }
}

TEST_F(LossKernel, L1AndMse) {
  const Values p = {1.0, -2.0, 0.5, 3.0};
  const Values t = {0.0, -2.0, 1.5, 2.5};
  expect_loss<kernels::L1Loss>(Shape{2, 2}, p, t, 2.5 / 4, {0.25, 0.0, -0.25, 0.25});
  expect_loss<kernels::MseLoss>(Shape{2, 2}, p, t, 2.25 / 4, {0.5, 0.0, -0.5, 0.25});
}

TEST_F(LossKernel, PairwiseLossOverOrderedPairs) {
  const Values p = random(7, 3);
  const Values t = {0.3, 0.1, 0.3, 0.9, 0.5, 0.1, 0.2};  // two ties, which count for nothing
  double loss = 0;
  double pairs = 0;
  Values gradient(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    for (std::size_t j = 0; j < p.size(); ++j) {
      if (t[i] > t[j]) {
        const double d = p[i] - p[j];
        loss += std::log(1 + std::exp(-d));
        gradient[i] -= 1 / (1 + std::exp(d));
        gradient[j] += 1 / (1 + std::exp(d));
        ++pairs;
      }
    }
  }
  EXPECT_EQ(pairs, 21 - 2);
  for (double& g : gradient) {
    g /= pairs;
  }
  expect_loss<kernels::PairwiseLoss>(Shape{7}, p, t, loss / pairs, gradient);
  expect_loss<kernels::PairwiseLoss>(Shape{2}, {1.0, 2.0}, {0.5, 0.5}, 0.0, {0.0, 0.0});
  expect_loss<kernels::PairwiseLoss>(Shape{2}, {-900.0, 900.0}, {1.0, 0.0}, 1800.0, {-1.0, 1.0});
  expect_loss<kernels::PairwiseLoss>(Shape{2}, {900.0, -900.0}, {1.0, 0.0}, 0.0, {0.0, 0.0});
}

TEST_F(LossKernel, CountCorrectTakesTheFirstLargestAndAdds) {
  Tensor correct = tensor(Shape{}, DType::i32, {10});
  const Tensor logits = tensor(Shape{3, 3}, DType::f32, {1, 2, 2, 5, 5, 5, 0, -1, 3});
  run<kernels::CountCorrect>(logits, labels({1, 2, 2}), correct);  // rows pick 1, 0, 2
  EXPECT_EQ(values(correct)[0], 12);
}

TEST_F(LossKernel, MetricsAddUpOverBatches) {
  Tensor correct = tensor(Shape{}, DType::i32, {10});
  Tensor loss_sum = tensor(Shape{}, DType::f32, {0.5});
  const Tensor logits = tensor(Shape{3, 3}, DType::f32, {1, 2, 2, 5, 5, 5, 0, -1, 3});
  run<kernels::AddMetrics>(logits, labels({1, 2, 2}), tensor(Shape{}, DType::f32, {0.25}), loss_sum, correct);
  EXPECT_EQ(values(correct)[0], 12);
  EXPECT_EQ(values(loss_sum)[0], 1.25);
}

TEST_F(LossKernel, LabelsOutOfRangeAreNamed) {
  const Tensor logits = tensor(Shape{2, 3}, DType::f32, Values(6));
  Tensor value = scalar();
  Tensor grad = garbage(Shape{2, 3}, DType::f32);
  Tensor correct = tensor(Shape{}, DType::i32, {0});
  try {
    run<kernels::SquaredHinge>(logits, labels({2, 3}), value, grad);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[squared_hinge] cpu: labels[1] is 3, expected 0 <= value < 3");
  }
  EXPECT_THROW(run<kernels::SoftmaxCrossEntropy>(logits, labels({-1, 0}), 0.0F, value, grad), Error);
  EXPECT_THROW(run<kernels::CountCorrect>(logits, labels({0, 3}), correct), Error);
}

}  // namespace
}  // namespace bnas::test
