// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

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
