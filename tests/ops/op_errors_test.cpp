// SPDX-License-Identifier: Apache-2.0
// Wrong operands are refused before any kernel runs, by a message that names the operation and what it was given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/norm.hpp"
#include "bnas/core/ops/sequence.hpp"
#include "bnas/core/ops/structure.hpp"
#include "bnas/core/ops/weights.hpp"
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

TEST_F(OpErrorsTest, MixturesAndMoves) {
  const Var x = var({2, 4, 4, 6});
  expect_error([&] { ops::scale_channels(ctx_, x, var({5})); }, "[scale_channels]", "scale has shape (5)");
  expect_error([&] { ops::scale_channels(ctx_, bits({2, 6}), var({6})); }, "[scale_channels]", "bit, expected");
  expect_error([&] { ops::prelu(ctx_, x, var({7})); }, "[prelu]", "slope has shape (7)");
  expect_error([&] { ops::sum(ctx_, {}); }, "[sum]", "no inputs");
  expect_error([&] { ops::sum(ctx_, {x, var({6})}); }, "[sum]", "(6)");
  expect_error([&] { ops::slice_channels(ctx_, x, 4, 3); }, "[slice_channels]", "channels 4 to 7");
  expect_error([&] { ops::shuffle_channels(ctx_, x, 4); }, "[shuffle_channels]", "4 groups");
  expect_error([&] { ops::take_pixels(ctx_, x, {2, 4, 0}); }, "[take_pixels]", "no pixel");
  expect_error([&] { ops::merge_pixels(ctx_, {x, x}, 2, 8, 8); }, "[merge_pixels]", "2 parts, expected 4");
  expect_error([&] { ops::merge_pixels(ctx_, {x}, 1, 5, 5); }, "[merge_pixels]", "expected (2, 5, 5, 6)");
  expect_error([&] { ops::broadcast_entry(ctx_, var({2, 3}), 6, 4); }, "[broadcast_entry]", "entry 6");
  expect_error([&] { ops::drop_samples(ctx_, x, 1.0F); }, "[drop_samples]", "rate 1");
  expect_error([&] { ops::drop_samples(ctx_, x, 0.5F); }, "drop_samples", "Context::step");
  const MixtureRule rule{{0, 0}};
  const auto mix = [&](const Var& alpha, const Var& beta, const Var& alive, const MixtureRule& r) {
    ops::mixture_weights(ctx_, alpha, beta, alive.value, r);
  };
  expect_error([&] { mix(var({3, 4}), var({2}), var({2, 4}), rule); }, "[mixture_weights]", "alpha has shape (3, 4)");
  expect_error([&] { mix(var({2, 4}), var({3}), var({2, 4}), rule); }, "[mixture_weights]", "beta has shape (3)");
  expect_error([&] { mix(var({2, 4}), var({2}), var({2, 5}), rule); }, "[mixture_weights]", "alive has shape (2, 5)");
  expect_error([&] { mix(var({2, 4}), var({2}), var({2, 4}), {{0, 0}, 0.0F}); }, "[mixture_weights]", "temperature 0");
}

TEST_F(OpErrorsTest, FiltersWithAmplitudes) {
  const Var w = var({8, 3, 3, 6});
  expect_error([&] { ops::filter_scale(ctx_, var({8}), ops::ScaleScope::filter, 1.0F); }, "[filter_scale]", "(8)");
  expect_error([&] { ops::latent_sign(ctx_, w, var({6}).value, {}); }, "[latent_sign]", "scale has shape (6)");
  expect_error([&] { ops::projected_sign(ctx_, w, var({5, 5}), var({1}).value, {}); }, "[projected_sign]", "(5, 5)");
  expect_error([&] { ops::projected_sign(ctx_, w, var({3, 3}), var({8}).value, {}); }, "[projected_sign]", "(8)");
  expect_error([&] { ops::amplitude_sign(ctx_, w, var({6}), {}); }, "[amplitude_sign]", "amplitudes has shape (6)");
  ops::RunningStats stats{Tensor(*stream_, {6}, DType::f32), Tensor(*stream_, {6}, DType::f32)};
  const ops::PreluTail tail{var({2, 5}), var({6})};
  expect_error(
      [&] {
        ops::batch_norm_prelu(ctx_, var({2, 6}), var({6}), var({6}), stats, tail);
      },
      "[batch_norm_prelu]", "shortcut has shape (2, 5)");
}

TEST_F(OpErrorsTest, UnknownPseudoGradientNamesTheNearest) {
  EXPECT_EQ(ops::parse_pseudo_gradient("approx_sign"), PseudoGradient::approx_sign);
  expect_error([] { ops::parse_pseudo_gradient("ste_sing"); }, "ste_sing", "did you mean 'ste_sign'", ErrorKind::usage);
}

}  // namespace
}  // namespace bnas::test
