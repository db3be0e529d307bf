// SPDX-License-Identifier: Apache-2.0
// Losses against their definitions in double.
#include "bnas/cuda/loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Classification", "formula in double") &&
                       testing_support::declare_oracle("Regression", "formula in double");

// Sums are in double: what is left is one rounding to float, and the order of double sums.
constexpr double kRounding = 1.2e-7;

struct HostLoss {
  double loss = 0.0;
  std::vector<double> grad;
};

void expect_result(const DeviceBuffer<float>& loss, const DeviceBuffer<float>& grad, const HostLoss& want) {
  EXPECT_NEAR(double{loss.download()[0]}, want.loss, kRounding * std::fabs(want.loss));
  const std::vector<float> got = grad.download();
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(double{got[i]}, want.grad[i], kRounding * std::fabs(want.grad[i]) + 1e-12) << "element " << i;
  }
}

HostLoss hinge_oracle(const std::vector<float>& y, const std::vector<std::int32_t>& labels, std::size_t classes) {
  HostLoss h{0.0, std::vector<double>(y.size())};
  const auto count = static_cast<double>(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::int32_t label = labels[i / classes];
    if (label < 0 || label >= static_cast<std::int32_t>(classes)) {
      continue;
    }
    const double t = static_cast<std::int32_t>(i % classes) == label ? 1.0 : -1.0;
    const double slack = std::max(0.0, 1.0 - t * double{y[i]});
    h.loss += slack * slack / count;
    h.grad[i] = -2.0 * t * slack / count;
  }
  return h;
}

HostLoss entropy_oracle(const std::vector<float>& y, const std::vector<std::int32_t>& labels, std::size_t classes,
                        float smoothing) {
  HostLoss h{0.0, std::vector<double>(y.size())};
  const auto rows = static_cast<double>(labels.size());
  for (std::size_t r = 0; r < labels.size(); ++r) {
    if (labels[r] < 0 || labels[r] >= static_cast<std::int32_t>(classes)) {
      continue;
    }
    double largest = double{y[r * classes]}, total = 0.0;
    for (std::size_t k = 0; k < classes; ++k) {
      largest = std::max(largest, double{y[r * classes + k]});
    }
    for (std::size_t k = 0; k < classes; ++k) {
      total += std::exp(double{y[r * classes + k]} - largest);
    }
    for (std::size_t k = 0; k < classes; ++k) {
      const double log_p = double{y[r * classes + k]} - largest - std::log(total);
      const double target = double{smoothing} / static_cast<double>(classes) +
                            (static_cast<std::int32_t>(k) == labels[r] ? 1.0 - double{smoothing} : 0.0);
      h.loss -= target == 0.0 ? 0.0 : target * log_p / rows;
      h.grad[r * classes + k] = (std::exp(log_p) - target) / rows;
    }
  }
  return h;
}

struct Size {
  int rows, classes;
};
// One; a batch of ten classes; around a warp's 32 classes; more rows than a launch has warps.
const Size kSizes[] = {{1, 1}, {33, 10}, {5, 31}, {9, 32}, {9, 33}, {1100, 2}};

class Classification : public testing::Test {
 protected:
  TestStream stream_;
  DeviceBuffer<int> no_error_ = DeviceBuffer<int>::input({0, 0, 0, 0});

  DeviceError* error() const { return reinterpret_cast<DeviceError*>(no_error_.data()); }

  /// y and labels of one problem; some scores are equal.
  struct Problem {
    std::vector<float> y;
    std::vector<std::int32_t> labels;
    DeviceBuffer<float> device_y;
    DeviceBuffer<std::int32_t> device_labels;
    Size size;

    explicit Problem(const Size& s) : Problem(s, scores(s), labels_of(s)) {}
    Problem(const Size& s, std::vector<float> scores, std::vector<std::int32_t> classes)
        : y(std::move(scores)),
          labels(std::move(classes)),
          device_y(DeviceBuffer<float>::input(y)),
          device_labels(DeviceBuffer<std::int32_t>::input(labels)),
          size(s) {}

    static std::vector<float> scores(const Size& s) {
      std::vector<float> y;
      for (const int step : random_integers<int>(static_cast<std::size_t>(s.rows * s.classes), 1, 12)) {
        y.push_back(static_cast<float>(step) * 0.25F);
      }
      return y;
    }
    static std::vector<std::int32_t> labels_of(const Size& s) {
      std::vector<std::int32_t> labels;
      for (int r = 0; r < s.rows; ++r) {
        labels.push_back(r * 7 % s.classes);
      }
      return labels;
    }
    LabelledLogits logits() const { return {device_y.data(), device_labels.data(), size.rows, size.classes}; }
    std::size_t classes() const { return static_cast<std::size_t>(size.classes); }
    std::int32_t hits() const {
      std::int32_t count = 0;
      for (std::size_t r = 0; r < labels.size(); ++r) {
        std::size_t best = 0;
        for (std::size_t k = 1; k < classes(); ++k) {
          best = y[r * classes() + k] > y[r * classes() + best] ? k : best;
        }
        count += static_cast<std::int32_t>(best) == labels[r] ? 1 : 0;
      }
      return count;
    }
  };
};

TEST_F(Classification, LossesAreTheFormulas) {
  for (const Size& size : kSizes) {
    const Problem p(size);
    const auto loss = DeviceBuffer<float>::output(1);
    const auto grad = DeviceBuffer<float>::output(p.y.size());
    const ScratchMemory scratch(classification_loss_workspace_bytes(size.rows));
    const LossResult result{loss.data(), grad.data()};
    require_ok(squared_hinge(p.logits(), result, error(), scratch.get(), stream_.get()));
    stream_.synchronize();
    expect_result(loss, grad, hinge_oracle(p.y, p.labels, p.classes()));
    for (const float smoothing : {0.0F, 0.1F}) {
      require_ok(softmax_cross_entropy(p.logits(), smoothing, result, error(), scratch.get(), stream_.get()));
      stream_.synchronize();
      expect_result(loss, grad, entropy_oracle(p.y, p.labels, p.classes(), smoothing));
    }
    EXPECT_TRUE(scratch.is_as_promised());
    EXPECT_EQ(no_error_.download(), std::vector<int>(4, 0));
  }
}

TEST_F(Classification, LargeScoresDoNotOverflow) {
  const Problem p({2, 3}, {900.0F, 898.0F, -900.0F, -1000.0F, -1001.0F, -1000.5F}, {1, 0});
  const auto loss = DeviceBuffer<float>::output(1);
  const auto grad = DeviceBuffer<float>::output(6);
  require_ok(softmax_cross_entropy(p.logits(), 0.0F, {loss.data(), grad.data()}, error(), {}, stream_.get()));
  stream_.synchronize();
  expect_result(loss, grad, entropy_oracle(p.y, p.labels, 3, 0.0F));
}

TEST_F(Classification, CountsTheFirstLargestAndAddsMetrics) {
  for (const Size& size : kSizes) {
    const Problem p(size);
    auto correct = DeviceBuffer<std::int32_t>::output(1);
    auto loss_sum = DeviceBuffer<float>::output(1);
    correct.upload({5});
    loss_sum.upload({1.0F});
    const auto loss = DeviceBuffer<float>::input({0.5F});
    require_ok(count_correct(p.logits(), correct.data(), error(), stream_.get()));
    require_ok(add_metrics(p.logits(), loss.data(), loss_sum.data(), correct.data(), error(), stream_.get()));
    stream_.synchronize();
    EXPECT_EQ(correct.download()[0], 5 + 2 * p.hits());
    EXPECT_EQ(loss_sum.download()[0], 1.0F + 0.5F * static_cast<float>(size.rows));
  }
}

TEST_F(Classification, NotANumberIsLargestOnlyAsTheFirstScore) {
  std::vector<float> y(40, -INFINITY);
  y[0] = NAN;   // row 0: class 0
  y[21] = NAN;  // row 1: class 0 of equal ones
  const Problem p({2, 20}, y, {0, 0});
  auto correct = DeviceBuffer<std::int32_t>::output(1);
  correct.upload({0});
  require_ok(count_correct(p.logits(), correct.data(), error(), stream_.get()));
  stream_.synchronize();
  EXPECT_EQ(correct.download()[0], 2);
}

TEST_F(Classification, LabelsOutOfRangeContributeNothingAndAreNoted) {
  const Size size{12, 4};
  for (const std::int32_t label : {-1, 4}) {
    Problem p(size);
    p.labels[7] = label;
    p.device_labels.upload(p.labels);
    const auto loss = DeviceBuffer<float>::output(1);
    const auto grad = DeviceBuffer<float>::output(p.y.size());
    const ScratchMemory scratch(classification_loss_workspace_bytes(size.rows));
    const LossResult result{loss.data(), grad.data()};
    require_ok(squared_hinge(p.logits(), result, error(), scratch.get(), stream_.get()));
    stream_.synchronize();
    expect_result(loss, grad, hinge_oracle(p.y, p.labels, 4));
    EXPECT_EQ(no_error_.download(), (std::vector<int>{static_cast<int>(IndexCheck::labels), 7, label, 4}));
    no_error_.upload({0, 0, 0, 0});
    require_ok(softmax_cross_entropy(p.logits(), 0.1F, result, nullptr, scratch.get(), stream_.get()));
    auto correct = DeviceBuffer<std::int32_t>::output(1);
    correct.upload({0});
    require_ok(count_correct(p.logits(), correct.data(), error(), stream_.get()));
    stream_.synchronize();
    expect_result(loss, grad, entropy_oracle(p.y, p.labels, 4, 0.1F));
    EXPECT_EQ(correct.download()[0], p.hits());
    EXPECT_EQ(no_error_.download()[1], 7);
    no_error_.upload({0, 0, 0, 0});
  }
}

TEST_F(Classification, RunsInAGraphWithTheSameBits) {
  const Problem p({100, 10});
  const auto loss = DeviceBuffer<float>::output(1);
  const auto grad = DeviceBuffer<float>::output(p.y.size());
  const ScratchMemory scratch(classification_loss_workspace_bytes(100));
  const auto call = [&](cudaStream_t s) {
    return softmax_cross_entropy(p.logits(), 0.0F, {loss.data(), grad.data()}, error(), scratch.get(), s);
  };
  require_ok(call(stream_.get()));
  stream_.synchronize();
  const std::vector<float> direct_loss = loss.download(), direct_grad = grad.download();
  capture_and_replay(stream_, 2, call);
  EXPECT_EQ(loss.download(), direct_loss);
  EXPECT_EQ(grad.download(), direct_grad);
}

class Regression : public testing::Test {
 protected:
  using Loss = std::function<Status(const Predictions&, const LossResult&, const Scratch&, cudaStream_t)>;
  using Oracle = std::function<HostLoss(const std::vector<float>& p, const std::vector<float>& t)>;
  TestStream stream_;

  void expect_loss(const Loss& loss, std::size_t (*workspace_bytes)(std::int64_t), const Oracle& oracle,
                   const std::vector<float>& p, const std::vector<float>& t) const {
    const auto device_p = DeviceBuffer<float>::input(p);
    const auto device_t = DeviceBuffer<float>::input(t);
    const auto result = DeviceBuffer<float>::output(1);
    const auto grad = DeviceBuffer<float>::output(p.size());
    const auto n = static_cast<std::int64_t>(p.size());
    const ScratchMemory scratch(workspace_bytes(n));
    capture_and_replay(stream_, 2, [&](cudaStream_t s) {
      return loss({device_p.data(), device_t.data(), n}, {result.data(), grad.data()}, scratch.get(), s);
    });
    expect_result(result, grad, oracle(p, t));
    EXPECT_TRUE(scratch.is_as_promised());
  }
};

// One; a block's 1024 elements and one more; several blocks; equal values.
TEST_F(Regression, MeanAbsoluteAndMeanSquaredDifference) {
  const Oracle absolute = [](const std::vector<float>& p, const std::vector<float>& t) {
    HostLoss h{0.0, std::vector<double>(p.size())};
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double d = double{p[i]} - double{t[i]}, n = static_cast<double>(p.size());
      h.loss += std::fabs(d) / n;
      h.grad[i] = d > 0.0 ? 1.0 / n : d < 0.0 ? -1.0 / n : 0.0;
    }
    return h;
  };
  const Oracle squared = [](const std::vector<float>& p, const std::vector<float>& t) {
    HostLoss h{0.0, std::vector<double>(p.size())};
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double d = double{p[i]} - double{t[i]}, n = static_cast<double>(p.size());
      h.loss += d * d / n;
      h.grad[i] = 2.0 * d / n;
    }
    return h;
  };
  for (const std::size_t n : {1U, 1024U, 1025U, 5000U}) {
    std::vector<float> t = random_floats(n, 2);
    const std::vector<float> p = random_floats(n, 1);
    t[n / 2] = p[n / 2];
    expect_loss(l1_loss, regression_loss_workspace_bytes, absolute, p, t);
    expect_loss(mse_loss, regression_loss_workspace_bytes, squared, p, t);
  }
}

// No pair; a few with equal targets; more than a block's 8 rows and more than the grid's; far apart, where exp
// overflows.
TEST_F(Regression, PairwiseRanking) {
  const Oracle ranking = [](const std::vector<float>& p, const std::vector<float>& t) {
    HostLoss h{0.0, std::vector<double>(p.size())};
    double pairs = 0.0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      for (std::size_t j = 0; j < p.size(); ++j) {
        if (t[i] > t[j]) {
          const double d = double{p[i]} - double{p[j]};
          h.loss += d > -700.0 ? std::log1p(std::exp(-d)) : -d;
          h.grad[i] -= 1.0 / (1.0 + std::exp(d));
          h.grad[j] += 1.0 / (1.0 + std::exp(d));
          pairs += 1.0;
        }
      }
    }
    for (double& g : h.grad) {
      g /= std::max(pairs, 1.0);
    }
    h.loss /= std::max(pairs, 1.0);
    return h;
  };
  for (const std::size_t n : {1U, 2U, 33U, 70U}) {
    std::vector<float> t;
    for (const int step : random_integers<int>(n, 3, 3)) {
      t.push_back(static_cast<float>(step));
    }
    expect_loss(pairwise_loss, pairwise_loss_workspace_bytes, ranking, random_floats(n, 4), t);
  }
  expect_loss(pairwise_loss, pairwise_loss_workspace_bytes, ranking, {1.0F, 2.0F}, {3.0F, 3.0F});
  expect_loss(pairwise_loss, pairwise_loss_workspace_bytes, ranking, {-900.0F, 900.0F, 0.0F}, {2.0F, 1.0F, 0.0F});
}

TEST(LossCalls, RefuseWhatTheyCannotDo) {
  const TestStream stream;
  const auto memory = DeviceBuffer<float>::output(4);
  const auto labels = DeviceBuffer<std::int32_t>::input({0});
  const LossResult result{memory.data(), memory.data() + 1};
  const LabelledLogits logits{memory.data(), labels.data(), 1, 2};
  EXPECT_EQ(squared_hinge({memory.data(), labels.data(), 0, 2}, result, nullptr, {}, stream.get()).code,
            StatusCode::invalid_argument);
  EXPECT_EQ(softmax_cross_entropy(logits, 1.0F, result, nullptr, {}, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(squared_hinge({memory.data(), labels.data(), 100, 2}, result, nullptr, {}, stream.get()).code,
            StatusCode::workspace_too_small);
  EXPECT_EQ(count_correct(logits, nullptr, nullptr, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(l1_loss({memory.data(), nullptr, 2}, result, {}, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(pairwise_loss({memory.data(), memory.data(), 2}, result, {}, stream.get()).code,
            StatusCode::workspace_too_small);
}

}  // namespace
}  // namespace bnas::cuda::test
