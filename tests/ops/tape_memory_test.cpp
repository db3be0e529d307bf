// SPDX-License-Identifier: Apache-2.0
// What each operation keeps for backward, in bytes: the promise of the op headers.
#include <gtest/gtest.h>

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/core/ops/norm.hpp"
#include "bnas/core/ops/structure.hpp"
#include "bnas/core/step_feed.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

class TapeMemoryTest : public testing::Test {
 protected:
  Var leaf(const Input& input, std::uint64_t seed = 1) {
    const Tensor value = upload(*stream_, generate(input, seed), input.dtype);
    return tape_.leaf(value, Tensor(*stream_, input.shape, DType::f32));
  }

  std::unique_ptr<Stream> stream_ = test_stream({});
  Tape tape_{*stream_};
  Context ctx_{*stream_, &tape_, Mode::train, step_tensor(*stream_, {})};
};

constexpr std::int64_t kPixels = 2 * 4 * 4, kChannels = 64;
const Shape kImage{2, 4, 4, kChannels};
constexpr std::size_t kNumel = kPixels * kChannels;

TEST_F(TapeMemoryTest, StraightThroughSignKeepsOneBitPerElement) {
  ops::sign(ctx_, leaf(Input::real(kImage)));
  EXPECT_EQ(tape_.saved_bytes(), kNumel / 8);
}

TEST_F(TapeMemoryTest, OtherSignsKeepTheirInput) {
  ops::sign(ctx_, leaf(Input::real(kImage)), PseudoGradient::approx_sign);
  EXPECT_EQ(tape_.saved_bytes(), kNumel * 4);
}

TEST_F(TapeMemoryTest, SignOfAConstantKeepsNothing) {
  const Tensor x = upload(*stream_, generate(Input::real(kImage), 1), DType::f32);
  EXPECT_FALSE(ops::sign(ctx_, Var{x}).needs_grad());
  EXPECT_EQ(tape_.saved_bytes(), 0U);
}

TEST_F(TapeMemoryTest, BinaryConvolutionKeepsBothOperandsAsBits) {
  const Shape w{8, 3, 3, kChannels};
  ops::binary_conv2d(ctx_, leaf(Input::bits(kImage)), leaf(Input::bits(w)), {});
  EXPECT_EQ(tape_.saved_bytes(), kNumel / 8 + 8 * 9 * kChannels / 8);
}

TEST_F(TapeMemoryTest, RealConvolutionKeepsBinaryWeightsAsBits) {
  const Shape w{8, 3, 3, kChannels};
  ops::conv2d(ctx_, leaf(Input::real(kImage)), leaf(Input::bits(w)), {});
  EXPECT_EQ(tape_.saved_bytes(), kNumel * 4 + 8 * 9 * kChannels / 8);
}

TEST_F(TapeMemoryTest, BatchNormKeepsIntegersAsTheyCame) {
  ops::RunningStats stats{Tensor::full(*stream_, {kChannels}, 0.0F), Tensor::full(*stream_, {kChannels}, 1.0F)};
  ops::batch_norm(ctx_, leaf(Input::integers(kImage, DType::i8, -9, 9)), leaf(Input::real({kChannels})),
                  leaf(Input::real({kChannels})), stats);
  EXPECT_EQ(tape_.saved_bytes(), kNumel + 3 * kChannels * 4);  // x; mean, variance and gamma
}

TEST_F(TapeMemoryTest, BatchNormSignAddsOneBitPerElement) {
  ops::RunningStats stats{Tensor::full(*stream_, {kChannels}, 0.0F), Tensor::full(*stream_, {kChannels}, 1.0F)};
  ops::batch_norm_sign(ctx_, leaf(Input::integers(kImage, DType::i16, -9, 9)), leaf(Input::real({kChannels})),
                       leaf(Input::real({kChannels})), stats);
  EXPECT_EQ(tape_.saved_bytes(), kNumel * 2 + kNumel / 8 + 3 * kChannels * 4);
}

TEST_F(TapeMemoryTest, JoinsPoolsByMeanAndDropoutKeepNothing) {
  const Var x = leaf(Input::real(kImage)), y = leaf(Input::real(kImage));
  const Var sum = ops::add(ctx_, x, y);
  const Var joined = ops::concat_channels(ctx_, {sum, x});
  ops::global_avg_pool(ctx_, ops::dropout(ctx_, joined, 0.5F, true));
  ops::flatten(ctx_, ops::avg_pool(ctx_, joined, 3, {}));
  ops::to_float(ctx_, leaf(Input::bits(kImage)));
  EXPECT_EQ(tape_.saved_bytes(), 0U);
}

TEST_F(TapeMemoryTest, MaximumOfBitsKeepsBits) {
  ops::max_pool(ctx_, leaf(Input::bits(kImage)), 3, ops::Geometry::with_stride(2));
  EXPECT_EQ(tape_.saved_bytes(), kNumel / 8);
}

/// What a pass through a norm, a ReLU and a convolution with binary weights keeps, and its gradients.
struct Kept {
  std::size_t bytes = 0;
  std::vector<std::vector<unsigned char>> gradients;
};

Kept norm_relu_conv(Keep keep) {
  const auto stream = test_stream({});
  Tape tape(*stream, keep);
  Context ctx{*stream, &tape, Mode::train, step_tensor(*stream, {})};
  std::vector<Tensor> grads;
  const auto leaf = [&](const Input& input) {
    grads.emplace_back(*stream, input.shape, DType::f32);
    return tape.leaf(upload(*stream, generate(input, grads.size()), input.dtype), grads.back());
  };
  ops::RunningStats stats{Tensor::full(*stream, {kChannels}, 0.0F), Tensor::full(*stream, {kChannels}, 1.0F)};
  const Var norm = ops::batch_norm(ctx, leaf(Input::real(kImage)), leaf(Input::real({kChannels})),
                                   leaf(Input::real({kChannels})), stats);
  const Var y = ops::conv2d(ctx, ops::relu(ctx, norm), leaf(Input::bits({8, 3, 3, kChannels})), {});
  Kept kept{tape.saved_bytes(), {}};
  tape.backward(y, upload(*stream, generate(Input::real(y.shape()), 9), DType::f32));
  for (const Tensor& grad : grads) {
    kept.gradients.push_back(raw_bytes(*stream, grad));
  }
  return kept;
}

TEST_F(TapeMemoryTest, ATapeMayKeepPartsInPlaceOfValues) {
  constexpr std::size_t kWeights = 8 * 9 * kChannels, kStatistics = 3 * kChannels * 4;
  const Kept values = norm_relu_conv(Keep::values), parts = norm_relu_conv(Keep::parts),
             floats = norm_relu_conv(Keep::floats);
  EXPECT_EQ(values.bytes, 2 * kNumel * 4 + kStatistics + kWeights / 8);             // x, and the result of the ReLU
  EXPECT_EQ(parts.bytes, kNumel * 4 + kStatistics + kChannels * 4 + kWeights / 8);  // x, and beta
  EXPECT_EQ(floats.bytes, 2 * kNumel * 4 + kStatistics + kWeights * 4);
  EXPECT_EQ(parts.gradients, values.gradients);
  EXPECT_EQ(floats.gradients, values.gradients);
}

TEST_F(TapeMemoryTest, ConvolutionsKeepNothingForConstants) {
  const Tensor weights = upload(*stream_, generate(Input::bits({8, 3, 3, kChannels}), 1), DType::bit);
  ops::conv2d(ctx_, leaf(Input::real(kImage)), Var{weights}, {});
  ops::binary_conv2d(ctx_, leaf(Input::bits(kImage)), Var{weights}, {});
  EXPECT_EQ(tape_.saved_bytes(), std::size_t{8 * 9 * kChannels / 8});
}

TEST_F(TapeMemoryTest, BackwardReleasesWhatWasKept) {
  const Var x = leaf(Input::real({3, 5}));
  const Tensor target = upload(*stream_, generate(Input::real({3, 5}), 2), DType::f32);
  const Var loss = ops::mse_loss(ctx_, ops::relu(ctx_, x), target);
  EXPECT_EQ(tape_.saved_bytes(), 2U * 15 * 4);
  tape_.backward(loss);
  EXPECT_EQ(tape_.saved_bytes(), 0U);
}

}  // namespace
}  // namespace bnas::test
