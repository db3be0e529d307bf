// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/core/ops/norm.hpp"
#include "bnas/core/ops/structure.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

struct Pass {
  std::vector<std::vector<unsigned char>> bytes;  ///< result, running statistics, gradients
};

/// One training pass of sign(batch_norm(x)), fused or in two operations.
Pass run(const Input& x_input, bool fused) {
  const auto stream = test_stream({});
  const Shape channels{x_input.shape.channels()};
  const std::vector<Input> inputs{x_input, Input::real(channels), Input::real(channels)};
  Tape tape(*stream);
  Context ctx{*stream, &tape, Mode::train};
  std::vector<Var> vars;
  std::vector<Tensor> grads;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    grads.emplace_back(*stream, inputs[i].shape, DType::f32);
    vars.push_back(tape.leaf(upload(*stream, generate(inputs[i], i), inputs[i].dtype), grads.back()));
  }
  ops::RunningStats stats{Tensor::full(*stream, channels, 0.0F), Tensor::full(*stream, channels, 1.0F)};
  const Var bits = fused ? ops::batch_norm_sign(ctx, vars[0], vars[1], vars[2], stats)
                         : ops::sign(ctx, ops::batch_norm(ctx, vars[0], vars[1], vars[2], stats));
  const Tensor target = upload(*stream, generate(Input::real(x_input.shape), 9), DType::f32);
  tape.backward(ops::mse_loss(ctx, ops::to_float(ctx, bits), target));
  Pass pass;
  for (const Tensor& tensor : {bits.value, stats.mean, stats.variance, grads[0], grads[1], grads[2]}) {
    pass.bytes.push_back(raw_bytes(*stream, tensor));
  }
  return pass;
}

TEST(BatchNormSign, EqualsTheTwoOperationsBitForBit) {
  const Input inputs[] = {Input::real({3, 5, 33}), Input::integers({2, 7, 7, 65}, DType::i8, -60, 60),
                          Input::integers({1, 4, 4, 32}, DType::i16, -900, 900),
                          Input::integers({9, 31}, DType::i32, -70000, 70000)};
  for (const Input& input : inputs) {
    const Pass fused = run(input, true), separate = run(input, false);
    for (std::size_t i = 0; i < fused.bytes.size(); ++i) {
      EXPECT_EQ(fused.bytes[i], separate.bytes[i]) << dtype_name(input.dtype) << ", tensor " << i;
    }
  }
}

/// The parameters of one channel.
struct Folded {
  double gamma, mean, variance, beta;
};

// Of an integer y in -N..N, sign(norm(y)) is a comparison with theta = mean - beta sd / gamma, the other way round
// where gamma is negative, and constant where it is 0 or theta is outside. No theta lies near an integer, but z = 0 is
// tried.
TEST(BatchNormSign, OfIntegersIsAThreshold) {
  constexpr int kMost = 9;  // a 3x3 window of one channel
  const std::vector<Folded> channels = {
      {1.0, 0.5, 4.0, 0.0},    {-1.0, 0.5, 4.0, 0.0},  {1.5, 2.0, 2.25, -2.75}, {-1.5, 2.0, 2.25, -2.75},
      {0.75, -3.0, 9.0, 1.1},  {0.0, 3.0, 1.0, 0.25},  {0.0, 3.0, 1.0, -0.25},  {0.0, 3.0, 1.0, 0.0},
      {2.0, 40.0, 1.0, 0.0},   {-2.0, 40.0, 1.0, 0.0}, {2.0, -40.0, 1.0, 0.0},  {-2.0, -40.0, 1.0, 0.0},
      {1e-4, 0.0, 100.0, 5.0}, {1.0, 9.5, 1.0, 0.0},   {1.0, -9.5, 1.0, 0.0},   {-1.0, 8.5, 1.0, 0.0}};
  const auto count = static_cast<std::int64_t>(channels.size());
  const auto stream = test_stream({});
  const ops::BatchNormOptions options;
  const auto column = [&](auto value) {
    std::vector<float> values;
    for (const Folded& channel : channels) {
      values.push_back(static_cast<float>(value(channel)));
    }
    return Tensor::from_host(*stream, {count}, std::span<const float>(values));
  };
  std::vector<double> integers;
  for (int y = -kMost; y <= kMost; ++y) {
    integers.insert(integers.end(), channels.size(), y);
  }
  const Shape shape{2 * kMost + 1, count};
  ops::RunningStats stats{column([](const Folded& c) { return c.mean; }),
                          column([](const Folded& c) { return c.variance; })};
  Context ctx{*stream, nullptr, Mode::eval};
  const Tensor x = upload(*stream, generate(Input::listed(shape, integers), 0), DType::i8);
  const Var signs = ops::batch_norm_sign(ctx, Var{x}, Var{column([](const Folded& c) { return c.gamma; })},
                                         Var{column([](const Folded& c) { return c.beta; })}, stats, options);
  const std::vector<float> found = ops::to_float(ctx, signs).value.to_host(*stream);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Folded& c = channels[i % channels.size()];
    const double sd = std::sqrt(c.variance + static_cast<double>(options.eps));
    const double theta = c.mean - c.beta * sd / c.gamma, y = integers[i];
    const bool positive = c.gamma == 0.0  ? c.beta >= 0.0
                          : c.gamma > 0.0 ? y >= std::ceil(theta)
                                          : y <= std::floor(theta);
    EXPECT_EQ(found[i], positive ? 1.0F : -1.0F) << "y " << y << ", channel " << i % channels.size();
  }
}

TEST(BatchNorm, RunningStatisticsFollowTheUnbiasedBatch) {
  const auto stream = test_stream({});
  Context ctx{*stream, nullptr, Mode::train};
  const Tensor x = upload(*stream, {generate(Input::listed({4, 1}, {1.0, 2.0, 3.0, 6.0}), 0)}, DType::f32);
  const Tensor one = Tensor::full(*stream, {1}, 1.0F);
  ops::RunningStats stats{Tensor::full(*stream, {1}, 0.0F), Tensor::full(*stream, {1}, 1.0F)};
  double mean = 0.0, variance = 1.0;
  for (int step = 0; step < 3; ++step) {
    ops::batch_norm(ctx, Var{x}, Var{one}, Var{one}, stats, {.momentum = 0.75F});
    mean = 0.75 * mean + 0.25 * 3.0;                 // (1 + 2 + 3 + 6) / 4
    variance = 0.75 * variance + 0.25 * 14.0 / 3.0;  // (4 + 1 + 0 + 9) / (4 - 1)
    EXPECT_NEAR(stats.mean.to_host(*stream)[0], mean, 1e-6);
    EXPECT_NEAR(stats.variance.to_host(*stream)[0], variance, 1e-6);
  }
}

TEST(BatchNorm, EvaluationLeavesRunningStatisticsAlone) {
  const auto stream = test_stream({});
  Context ctx{*stream, nullptr, Mode::eval};
  const Tensor x = upload(*stream, generate(Input::real({4, 2}), 0), DType::f32);
  const Tensor one = Tensor::full(*stream, {2}, 1.0F);
  ops::RunningStats stats{Tensor::full(*stream, {2}, 0.5F), Tensor::full(*stream, {2}, 2.0F)};
  ops::batch_norm(ctx, Var{x}, Var{one}, Var{one}, stats);
  EXPECT_EQ(stats.mean.to_host(*stream), (std::vector<float>{0.5F, 0.5F}));
  EXPECT_EQ(stats.variance.to_host(*stream), (std::vector<float>{2.0F, 2.0F}));
}

}  // namespace
}  // namespace bnas::test
