// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/sequence.hpp"

#include <cmath>

#include "bnas/core/ops/structure.hpp"
#include "support/op_case.hpp"

namespace bnas::test {
namespace {

Array embedding_oracle(const Arrays& in) {
  const std::int64_t d = in[0].shape[1];
  Array y(Shape{in[1].size(), d});
  for (std::int64_t i = 0; i < y.size(); ++i) {
    y[i] = in[0][static_cast<std::int64_t>(in[1][i / d]) * d + i % d];
  }
  return y;
}

OpCase embedding_case(const char* name, std::int64_t vocabulary, std::int64_t width, std::int64_t n) {
  return {.op = "embedding",
          .name = name,
          .inputs = {Input::real({vocabulary, width}),
                     Input::integers({n}, DType::i32, 0, static_cast<int>(vocabulary) - 1).constant()},
          .build = [](Context& ctx, const auto& in) { return ops::embedding(ctx, in[0], in[1].value); },
          .oracle = embedding_oracle};
}

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// Inputs x (N,D), w (4H,D+H), bias (4H), and with `steps` carried state h, c. Result [h, c] after `steps` steps on x.
Array lstm_oracle(const Arrays& in, int steps, bool given_state) {
  const std::int64_t n = in[0].shape[0], d = in[0].shape[1], hidden = in[2].shape[0] / 4;
  const Array &w = in[1], &bias = in[2];
  Array h = given_state ? in[3] : Array(Shape{n, hidden}), c = given_state ? in[4] : Array(Shape{n, hidden});
  for (int step = 0; step < steps; ++step) {
    Array gates(Shape{n, 4 * hidden});
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t g = 0; g < 4 * hidden; ++g) {
        double sum = bias[g];
        for (std::int64_t k = 0; k < d + hidden; ++k) {
          sum += w[g * (d + hidden) + k] * (k < d ? in[0][i * d + k] : h[i * hidden + k - d]);
        }
        gates[i * 4 * hidden + g] = sum;
      }
    }
    for (std::int64_t i = 0; i < n * hidden; ++i) {
      const auto gate = [&](std::int64_t kind) { return gates[(i / hidden * 4 + kind) * hidden + i % hidden]; };
      c[i] = logistic(gate(2) + 1.0) * c[i] + logistic(gate(0)) * std::tanh(gate(1));
      h[i] = logistic(gate(3)) * std::tanh(c[i]);
    }
  }
  Array y(Shape{n, 2 * hidden});
  for (std::int64_t i = 0; i < n * hidden; ++i) {
    y[i / hidden * 2 * hidden + i % hidden] = h[i];
    y[(i / hidden * 2 + 1) * hidden + i % hidden] = c[i];
  }
  return y;
}

OpCase lstm_case(const char* name, std::int64_t n, std::int64_t d, std::int64_t hidden, int steps, bool given_state) {
  std::vector<Input> inputs{Input::real({n, d}), Input::real({4 * hidden, d + hidden}), Input::real({4 * hidden})};
  if (given_state) {
    inputs.insert(inputs.end(), {Input::real({n, hidden}), Input::real({n, hidden})});
  }
  return {.op = "lstm_step",
          .name = name,
          .inputs = std::move(inputs),
          .build =
              [steps, given_state](Context& ctx, const auto& in) {
                ops::LstmState state = given_state ? ops::LstmState{in[3], in[4]} : ops::LstmState{};
                for (int step = 0; step < steps; ++step) {
                  state = ops::lstm_step(ctx, in[0], state, in[1], in[2]);
                }
                return ops::concat_channels(ctx, {state.h, state.c});
              },
          .oracle = [steps, given_state](const Arrays& in) { return lstm_oracle(in, steps, given_state); },
          .tolerance = kSumTolerance,
          .reason = kSumReason};
}

/// Repeated ids add up (33 of 4); states that are absent, given, and carried over steps.
const bool kAdded = add_cases({embedding_case("one", 1, 1, 1), embedding_case("repeated_ids", 4, 31, 33),
                               lstm_case("one", 1, 1, 1, 1, false), lstm_case("given_state", 3, 5, 7, 1, true),
                               lstm_case("three_steps", 2, 3, 4, 3, false)});

}  // namespace
}  // namespace bnas::test
