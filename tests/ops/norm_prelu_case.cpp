// SPDX-License-Identifier: Apache-2.0
// Batch norm, shortcut, PReLU and gain in one: the composition, in float64.
#include <cmath>

#include "bnas/core/ops/norm.hpp"
#include "support/op_case.hpp"

namespace bnas::test {
namespace {

constexpr double kEps = 1e-5F;

/// Which of the parts there are; inputs are x, gamma, beta, slope, then these, then running mean and variance.
struct Parts {
  bool shortcut, gain, frozen;
};

std::size_t gain_at(const Parts& parts) { return parts.shortcut ? 5 : 4; }
std::size_t stats_at(const Parts& parts) { return gain_at(parts) + (parts.gain ? 1 : 0); }

Array oracle(const Arrays& in, const Parts& parts) {
  const Array& x = in[0];
  const std::int64_t c = x.shape.channels(), rows = x.shape.rows();
  Array y = x;
  for (std::int64_t j = 0; j < c; ++j) {
    double mean = 0.0, variance = 0.0;
    for (std::int64_t i = j; i < x.size(); i += c) {
      mean += x[i] / static_cast<double>(rows);
    }
    for (std::int64_t i = j; i < x.size(); i += c) {
      variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(rows);
    }
    if (parts.frozen) {
      mean = in[stats_at(parts)][j];
      variance = in[stats_at(parts) + 1][j];
    }
    for (std::int64_t i = j; i < x.size(); i += c) {
      double value = (x[i] - mean) / std::sqrt(variance + kEps) * in[1][j] + in[2][j];
      value += parts.shortcut ? in[4][i] : 0.0;
      value *= value > 0.0 ? 1.0 : in[3][j];
      y[i] = value * (parts.gain ? in[gain_at(parts)][j] : 1.0);
    }
  }
  return y;
}

std::vector<OpCase> norm_prelu_cases() {
  const std::pair<const char*, Input> inputs[] = {{"reals", Input::real({3, 7, 7, 33})},
                                                  {"i8", Input::integers({7, 65}, DType::i8, -127, 127)},
                                                  {"i16", Input::integers({3, 4, 4, 8}, DType::i16, -300, 300)}};
  std::vector<OpCase> cases;
  for (const auto& [name, x] : inputs) {
    for (const Parts& parts : {Parts{false, false, false},
                               {true, false, false},
                               {false, true, false},
                               {true, true, false},
                               {true, true, true}}) {
      const Shape channels{x.shape.channels()};
      std::vector<Input> operands{x, Input::real(channels), Input::real(channels), Input::real(channels)};
      if (parts.shortcut) {
        operands.push_back(Input::real(x.shape));
      }
      if (parts.gain) {
        operands.push_back(Input::real(channels));
      }
      if (parts.frozen) {
        operands.push_back(Input::real(channels).constant());
        operands.push_back(Input::integers(channels, DType::f32, 1, 9).constant());
      }
      cases.push_back(
          {.op = "batch_norm_prelu",
           .name = std::string(name) + (parts.shortcut ? "_shortcut" : "") + (parts.gain ? "_gain" : "") +
                   (parts.frozen ? "_frozen" : ""),
           .inputs = std::move(operands),
           .build =
               [parts](Context& ctx, const std::vector<Var>& in) {
                 const Shape& c = in[1].shape();
                 ops::RunningStats stats{Tensor::full(ctx.stream, c, 0.0F), Tensor::full(ctx.stream, c, 1.0F)};
                 if (parts.frozen) {
                   stats = {in[stats_at(parts)].value, in[stats_at(parts) + 1].value};
                 }
                 const ops::PreluTail tail{parts.shortcut ? in[4] : Var{}, in[3],
                                           parts.gain ? in[gain_at(parts)] : Var{}};
                 return ops::batch_norm_prelu(ctx, in[0], in[1], in[2], stats, tail);
               },
           .oracle = [parts](const Arrays& in) { return oracle(in, parts); },
           .tolerance = 2.0 * kMapTolerance,
           .reason = "a dozen f32 operations per element",
           .mode = parts.frozen ? Mode::eval : Mode::train});
    }
  }
  return cases;
}

const bool kAdded = add_cases(norm_prelu_cases());

}  // namespace
}  // namespace bnas::test
