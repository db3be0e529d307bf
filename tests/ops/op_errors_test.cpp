// SPDX-License-Identifier: Apache-2.0
// Wrong operands are refused before any kernel runs, by a message that names the operation and what it was given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/core/ops/norm.hpp"
#include "bnas/core/ops/sequence.hpp"
#include "bnas/core/ops/structure.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class OpErrorsTest : public testing::Test {
 protected:
  Var var(const Shape& shape, DType dtype = DType::f32) { return Var{Tensor(*stream_, shape, dtype)}; }
  Var bits(const Shape& shape) { return var(shape, DType::bit); }

  static void expect_error(const std::function<void()>& call, const std::string& op, const std::string& detail,
                           ErrorKind kind = ErrorKind::internal) {
    try {
      call();
      ADD_FAILURE() << op << ": nothing thrown, expected " << detail;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      EXPECT_THAT(error.what(), AllOf(HasSubstr(op), HasSubstr(detail)));
    }
  }

  std::unique_ptr<Stream> stream_ = test_stream({});
  Context ctx_{*stream_, nullptr, Mode::train};
};

TEST_F(OpErrorsTest, ConvolutionsNameShapesAndTypes) {
  const Var x = bits({1, 4, 4, 33}), w = bits({8, 3, 3, 32});
  expect_error([&] { ops::binary_conv2d(ctx_, x, w, {}); }, "[binary_conv2d]", "(1, 4, 4, 33)");
  expect_error([&] { ops::binary_conv2d(ctx_, x, bits({33}), {}); }, "[binary_conv2d]", "(33)");
  expect_error([&] { ops::binary_conv2d(ctx_, x, var({8, 3, 3, 33}), {}); }, "[binary_conv2d]", "f32, expected bit");
  expect_error([&] { ops::conv2d(ctx_, x, w, {}); }, "[conv2d]", "bit, expected f32");
  expect_error([&] { ops::conv2d(ctx_, Var{}, w, {}); }, "[conv2d]", "no value");
  expect_error(
      [&] {
        ops::depthwise_conv2d(ctx_, var({1, 4, 4, 3}), var({3, 3, 4}), {});
      },
      "[depthwise_conv2d]", "(3, 3, 4)");
  const auto no_padding = ops::Geometry::explicit_pad(1, {0, 0}, {0, 0});
  expect_error(
      [&] {
        ops::conv2d(ctx_, var({1, 2, 2, 1}), var({1, 3, 3, 1}), no_padding);
      },
      "[conv2d]", "empty output");
  expect_error(
      [&] {
        ops::conv2d(ctx_, var({1, 2, 2, 1}), var({1, 3, 3, 1}), ops::Geometry::with_stride(0));
      },
      "[conv2d]", "stride 0");
  expect_error([&] { ops::conv2d(ctx_, var({0, 2, 2, 1}), var({1, 3, 3, 1}), {}); }, "[conv2d]", "extent 0");
}

TEST_F(OpErrorsTest, PoolsNeedAWindowThatTouchesTheImage) {
  const auto outside = ops::Geometry::explicit_pad(1, {2, 0}, {0, 0});
  expect_error([&] { ops::max_pool(ctx_, var({1, 4, 4, 1}), 2, outside); }, "[max_pool]", "wholly outside");
  const auto behind = ops::Geometry::explicit_pad(2, {0, 0}, {0, 2});
  expect_error([&] { ops::avg_pool(ctx_, var({1, 4, 4, 1}), 2, behind); }, "[avg_pool]", "wholly outside");
  expect_error([&] { ops::max_pool(ctx_, var({1, 4, 4, 1}, DType::i8), 2, {}); }, "[max_pool]", "i8");
  expect_error([&] { ops::global_avg_pool(ctx_, var({4, 4})); }, "[global_avg_pool]", "(4, 4)");
}

TEST_F(OpErrorsTest, DenseAndNormsNameTheOperandThatDoesNotFit) {
  expect_error([&] { ops::dense(ctx_, var({2, 3}), var({4, 5})); }, "[dense]", "weights has shape (4, 5)");
  expect_error([&] { ops::dense(ctx_, var({2, 3}), var({4, 3}), var({5})); }, "[dense]", "bias has shape (5)");
  expect_error([&] { ops::binary_dense(ctx_, bits({2, 3}), bits({4, 5})); }, "[binary_dense]", "(4, 1, 1, 5)");
  ops::RunningStats stats{Tensor(*stream_, {3}, DType::f32), Tensor(*stream_, {4}, DType::f32)};
  expect_error(
      [&] {
        ops::batch_norm(ctx_, var({2, 4}), var({4}), var({4}), stats);
      },
      "[batch_norm]", "running mean has shape (3)");
  expect_error(
      [&] {
        ops::batch_norm_sign(ctx_, bits({2, 4}), var({4}), var({4}), stats);
      },
      "[batch_norm_sign]", "bit, expected");
}

TEST_F(OpErrorsTest, JoinsLossesAndSequences) {
  expect_error([&] { ops::concat_channels(ctx_, {}); }, "[concat_channels]", "no inputs");
  expect_error([&] { ops::concat_channels(ctx_, {var({2, 3}), var({3, 3})}); }, "[concat_channels]", "(3, 3)");
  expect_error([&] { ops::add(ctx_, var({2, 3}), var({3, 2})); }, "[add]", "(3, 2)");
  expect_error([&] { ops::dropout(ctx_, var({2}), 1.0F, true); }, "[dropout]", "rate 1");
  expect_error([&] { ops::flatten(ctx_, var({2})); }, "[flatten]", "(2)");
  const Tensor labels(*stream_, {3}, DType::i32);
  expect_error([&] { ops::squared_hinge(ctx_, var({2, 10}), labels); }, "[squared_hinge]", "labels has shape (3)");
  expect_error(
      [&] {
        ops::softmax_cross_entropy(ctx_, var({3, 10}), labels, 1.0F);
      },
      "[softmax_cross_entropy]", "smoothing");
  expect_error([&] { ops::mse_loss(ctx_, var({3}), labels); }, "[mse_loss]", "i32, expected f32");
  expect_error([&] { ops::embedding(ctx_, var({3}), labels); }, "[embedding]", "expected 2 axes");
  expect_error([&] { ops::lstm_step(ctx_, var({2, 3}), {}, var({8, 4}), var({8})); }, "[lstm_step]", "expected (8, 5)");
}

TEST_F(OpErrorsTest, UnknownPseudoGradientNamesTheNearest) {
  EXPECT_EQ(ops::parse_pseudo_gradient("approx_sign"), PseudoGradient::approx_sign);
  expect_error([] { ops::parse_pseudo_gradient("ste_sing"); }, "ste_sing", "did you mean 'ste_sign'", ErrorKind::usage);
}

}  // namespace
}  // namespace bnas::test
