// SPDX-License-Identifier: Apache-2.0
// Batch norm (Ioffe and Szegedy 2015, algorithm 1) in training and with frozen statistics, alone and behind a sign.
#include <cmath>

#include "bnas/core/ops/norm.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

constexpr double kEps = 1e-5F;

/// Mean and biased variance per channel.
std::pair<std::vector<double>, std::vector<double>> moments(const Array& x) {
  const std::int64_t c = x.shape.channels(), rows = x.shape.rows();
  std::vector<double> mean(static_cast<std::size_t>(c)), variance(static_cast<std::size_t>(c));
  for (std::int64_t j = 0; j < c; ++j) {
    double sum = 0.0, squares = 0.0;
    for (std::int64_t i = 0; i < rows; ++i) {
      sum += x[i * c + j];
    }
    const double center = sum / static_cast<double>(rows);
    for (std::int64_t i = 0; i < rows; ++i) {
      squares += (x[i * c + j] - center) * (x[i * c + j] - center);
    }
    mean[static_cast<std::size_t>(j)] = center;
    variance[static_cast<std::size_t>(j)] = squares / static_cast<double>(rows);
  }
  return {mean, variance};
}

/// Inputs x, gamma, beta; with `frozen` also running mean and variance.
Array norm_oracle(const Arrays& in, bool frozen) {
  const Array& x = in[0];
  const std::int64_t c = x.shape.channels();
  const auto [mean, variance] = frozen ? std::pair(in[3].values, in[4].values) : moments(x);
  Array y = x;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const auto j = static_cast<std::size_t>(i % c);
    y[i] = (x[i] - mean[j]) / std::sqrt(variance[j] + kEps) * in[1].values[j] + in[2].values[j];
  }
  return y;
}

Array norm_sign_oracle(const Arrays& in, bool frozen) {
  Array y = norm_oracle(in, frozen);
  for (double& value : y.values) {
    value = value < 0.0 ? -1.0 : 1.0;
  }
  return y;
}

/// The straight-through gate, then the chain rule of algorithm 1 with xhat = (x - mean) / std over n rows:
/// dx = gamma / std * (g - mean(g) - xhat * mean(g * xhat)); frozen: dx = gamma / std * g.
Arrays norm_sign_gradients(const Arrays& in, const Array& dy, bool frozen) {
  const Array& x = in[0];
  const std::int64_t c = x.shape.channels(), rows = x.shape.rows();
  const auto [mean, variance] = frozen ? std::pair(in[3].values, in[4].values) : moments(x);
  const Array y = norm_oracle(in, frozen);
  Array dx(x.shape), dgamma(Shape{c}), dbeta(Shape{c});
  for (std::int64_t j = 0; j < c; ++j) {
    const auto channel = static_cast<std::size_t>(j);
    const double deviation = std::sqrt(variance[channel] + kEps);
    const auto xhat = [&, center = mean[channel]](std::int64_t i) { return (x[i] - center) / deviation; };
    const auto gate = [&](std::int64_t i) { return std::fabs(y[i]) <= 1.0 ? dy[i] : 0.0; };
    for (std::int64_t i = j; i < x.size(); i += c) {
      dbeta[j] += gate(i);
      dgamma[j] += gate(i) * xhat(i);
    }
    const double n = static_cast<double>(rows), gain = in[1][j] / deviation;
    for (std::int64_t i = j; i < x.size(); i += c) {
      dx[i] = gain * (frozen ? gate(i) : gate(i) - dbeta[j] / n - xhat(i) * dgamma[j] / n);
    }
  }
  return {dx, dgamma, dbeta};
}

std::vector<Input> norm_inputs(const Input& x, bool frozen) {
  const Shape channels{x.shape.channels()};
  std::vector<Input> inputs{x, Input::real(channels), Input::real(channels)};
  if (frozen) {
    inputs.push_back(Input::real(channels).constant());
    Input variance = Input::integers(channels, DType::f32, 1, 9).constant();
    inputs.push_back(variance);
  }
  return inputs;
}

using NormFunction = Var (*)(Context&, const Var&, const Var&, const Var&, ops::RunningStats&,
                             const ops::BatchNormOptions&);

auto build_norm(NormFunction function, bool frozen) {
  return [function, frozen](Context& ctx, const std::vector<Var>& in) {
    const Shape& channels = in[1].shape();
    ops::RunningStats stats =
        frozen ? ops::RunningStats{in[3].value, in[4].value}
               : ops::RunningStats{Tensor::full(ctx.stream, channels, 0.0F), Tensor::full(ctx.stream, channels, 1.0F)};
    return function(ctx, in[0], in[1], in[2], stats, {});
  };
}

/// Two rows always normalize to -1 and +1, so dx vanishes but for eps: its terms, of order 1, cancel in f32.
double gradient_floor(const Input& x) { return x.shape.rows() == 2 ? 1.0 : 1e-3; }

/// Two rows are the smallest batch with a variance; then word boundaries and all integer widths.
std::vector<OpCase> norm_cases() {
  const std::pair<const char*, Input> inputs[] = {
      {"two_rows_one_channel", Input::real({2, 1})},
      {"image_f32", Input::real({3, 7, 7, 33})},
      {"one_bit_short_of_a_word_f32", Input::real({5, 4, 4, 31})},
      {"dense_i8", Input::integers({7, 65}, DType::i8, -127, 127)},
      {"image_i8", Input::integers({1, 7, 7, 32}, DType::i8, -27, 27)},
      {"image_i16", Input::integers({3, 4, 4, 64}, DType::i16, -32767, 32767)},
      {"large_image_i16", Input::integers({1, 28, 28, 96}, DType::i16, -288, 288)},
      {"dense_i32", Input::integers({9, 10}, DType::i32, -100000, 100000)},
  };
  std::vector<OpCase> cases;
  for (const auto& [name, input] : inputs) {
    for (const bool frozen : {false, true}) {
      const std::string full_name = std::string(name) + (frozen ? "_frozen" : "");
      const Mode mode = frozen ? Mode::eval : Mode::train;
      cases.push_back({.op = "batch_norm",
                       .name = full_name,
                       .inputs = norm_inputs(input, frozen),
                       .build = build_norm(ops::batch_norm, frozen),
                       .oracle = [frozen](const Arrays& in) { return norm_oracle(in, frozen); },
                       .tolerance = kMapTolerance,
                       .reason = kMapReason,
                       .mode = mode,
                       .gradient_floor = gradient_floor(input)});
      cases.push_back(
          {.op = "batch_norm_sign",
           .name = full_name,
           .inputs = norm_inputs(input, frozen),
           .build = build_norm(ops::batch_norm_sign, frozen),
           .oracle = [frozen](const Arrays& in) { return norm_sign_oracle(in, frozen); },
           .result = DType::bit,
           .reason = "no value of these inputs lies within rounding of 0",
           .gradient = Gradient::closed_form,
           .closed_form = [frozen](const Arrays& in, const Array& dy) { return norm_sign_gradients(in, dy, frozen); },
           .mode = mode});
    }
  }
  return cases;
}

const bool kAdded = add_cases(norm_cases());

}  // namespace
}  // namespace bnas::test
