// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/loss.hpp"

#include <cmath>

#include "support/op_case.hpp"

namespace bnas::test {
namespace {

Array scalar(double value) {
  Array y(Shape{});
  y[0] = value;
  return y;
}

/// Mean over rows and classes of max(0, 1 - t y)^2, t = +1 for the label, else -1.
Array squared_hinge_oracle(const Arrays& in) {
  const std::int64_t k = in[0].shape[1];
  double sum = 0.0;
  for (std::int64_t i = 0; i < in[0].size(); ++i) {
    const double t = i % k == static_cast<std::int64_t>(in[1][i / k]) ? 1.0 : -1.0;
    const double margin = std::max(0.0, 1.0 - t * in[0][i]);
    sum += margin * margin;
  }
  return scalar(sum / static_cast<double>(in[0].size()));
}

/// Cross entropy with the smoothed target (1 - s) * onehot + s / K.
Array cross_entropy_oracle(const Arrays& in, double smoothing) {
  const std::int64_t n = in[0].shape[0], k = in[0].shape[1];
  double loss = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    double most = in[0][i * k], sum = 0.0;
    for (std::int64_t j = 0; j < k; ++j) {
      most = std::max(most, in[0][i * k + j]);
    }
    for (std::int64_t j = 0; j < k; ++j) {
      sum += std::exp(in[0][i * k + j] - most);
    }
    for (std::int64_t j = 0; j < k; ++j) {
      const double hot = j == static_cast<std::int64_t>(in[1][i]) ? 1.0 - smoothing : 0.0;
      loss -= (hot + smoothing / static_cast<double>(k)) * (in[0][i * k + j] - most - std::log(sum));
    }
  }
  return scalar(loss / static_cast<double>(n));
}

Array mean_of(const Arrays& in, double (*term)(double)) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < in[0].size(); ++i) {
    sum += term(in[0][i] - in[1][i]);
  }
  return scalar(sum / static_cast<double>(in[0].size()));
}

Array l1_oracle(const Arrays& in) {
  return mean_of(in, [](double d) { return std::fabs(d); });
}

Array mse_oracle(const Arrays& in) {
  return mean_of(in, [](double d) { return d * d; });
}

/// Mean over ordered pairs t_i > t_j of log(1 + exp(-(p_i - p_j))).
Array pairwise_oracle(const Arrays& in) {
  double sum = 0.0, pairs = 0.0;
  for (std::int64_t i = 0; i < in[0].size(); ++i) {
    for (std::int64_t j = 0; j < in[0].size(); ++j) {
      if (in[1][i] > in[1][j]) {
        sum += std::log1p(std::exp(-(in[0][i] - in[0][j])));
        pairs += 1.0;
      }
    }
  }
  return scalar(pairs == 0.0 ? 0.0 : sum / pairs);
}

OpCase loss_case(const char* op, const std::string& name, std::vector<Input> inputs,
                 Var (*loss)(Context&, const Var&, const Tensor&), Array (*oracle)(const Arrays&)) {
  return {.op = op,
          .name = name,
          .inputs = std::move(inputs),
          .build = [loss](Context& ctx, const auto& in) { return loss(ctx, in[0], in[1].value); },
          .oracle = oracle,
          .tolerance = kSumTolerance,
          .reason = kSumReason};
}

/// Rows of 10 classes (every data set here), one of a single class, logits far from 0 where exp overflows unguarded.
std::vector<OpCase> loss_cases() {
  std::vector<OpCase> cases;
  const auto labels = [](std::int64_t n, int classes) {
    return Input::integers({n}, DType::i32, 0, classes - 1).constant();
  };
  const auto targets = [](const Shape& shape) { return Input::integers(shape, DType::f32, -1, 1).constant(); };
  const std::tuple<const char*, std::int64_t, int> sizes[] = {{"one_row_one_class", 1, 1}, {"odd_batch", 33, 10}};
  for (const auto& [name, n, k] : sizes) {
    cases.push_back(loss_case("squared_hinge", name, {Input::real({n, k}), labels(n, k)}, ops::squared_hinge,
                              squared_hinge_oracle));
    for (const float smoothing : {0.0F, 0.1F}) {
      cases.push_back({.op = "softmax_cross_entropy",
                       .name = std::string(name) + (smoothing > 0.0F ? "_smoothed" : ""),
                       .inputs = {Input::real({n, k}), labels(n, k)},
                       .build =
                           [smoothing](Context& ctx, const auto& in) {
                             return ops::softmax_cross_entropy(ctx, in[0], in[1].value, smoothing);
                           },
                       .oracle = [smoothing](const Arrays& in) { return cross_entropy_oracle(in, smoothing); },
                       .tolerance = kSumTolerance,
                       .reason = kSumReason});
    }
  }
  cases.push_back(
      {.op = "softmax_cross_entropy",
       .name = "large_logits",
       .inputs = {Input::listed({2, 3}, {900.0, 898.0, -900.0, -1000.0, -1001.0, -1000.5}), labels(2, 3)},
       .build = [](Context& ctx, const auto& in) { return ops::softmax_cross_entropy(ctx, in[0], in[1].value); },
       .oracle = [](const Arrays& in) { return cross_entropy_oracle(in, 0.0); },
       .tolerance = kSumTolerance,
       .reason = kSumReason});
  for (const Shape& shape : {Shape{1}, Shape{33}, Shape{5, 7}}) {
    const std::string name = std::to_string(shape.numel()) + "_values";
    cases.push_back(loss_case("l1_loss", name, {Input::real(shape), targets(shape)}, ops::l1_loss, l1_oracle));
    cases.push_back(loss_case("mse_loss", name, {Input::real(shape), targets(shape)}, ops::mse_loss, mse_oracle));
  }
  OpCase equal = loss_case("l1_loss", "equality_has_gradient_0",
                           {Input::listed({3}, {0.5, 1.0, 2.0}), Input::listed({3}, {0.5, 2.0, 1.0}).constant()},
                           ops::l1_loss, l1_oracle);
  equal.gradient = Gradient::closed_form;
  equal.closed_form = [](const Arrays&, const Array& dy) {
    Array dx(Shape{3});
    dx.values = {0.0, -dy[0] / 3.0, dy[0] / 3.0};
    return Arrays{dx};
  };
  cases.push_back(equal);
  for (const std::int64_t n : {1, 2, 33}) {  // 1: no pair at all
    cases.push_back(loss_case("pairwise_loss", std::to_string(n) + "_values",
                              {Input::real({n}), Input::integers({n}, DType::f32, 0, 4).constant()}, ops::pairwise_loss,
                              pairwise_oracle));
  }
  cases.push_back(loss_case("pairwise_loss", "all_targets_equal",
                            {Input::real({4}), Input::listed({4}, {1.0, 1.0, 1.0, 1.0}).constant()}, ops::pairwise_loss,
                            pairwise_oracle));
  return cases;
}

const bool kAdded = add_cases(loss_cases());

}  // namespace
}  // namespace bnas::test
