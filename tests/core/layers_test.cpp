// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "bnas/core/nn/batch_norm.hpp"
#include "bnas/core/nn/binary_conv2d.hpp"
#include "bnas/core/nn/binary_dense.hpp"
#include "bnas/core/nn/conv2d.hpp"
#include "bnas/core/nn/dense.hpp"
#include "bnas/core/nn/factorized_reduction.hpp"
#include "bnas/core/nn/sequential.hpp"
#include "bnas/core/ops/structure.hpp"
#include "support/device_data.hpp"
#include "support/oracles.hpp"

namespace bnas::nn {
namespace {

using test::Array;
using test::Input;

class LayersTest : public testing::Test {
 protected:
  Array input(const Shape& shape) { return test::generate(Input::real(shape), 3); }
  Var forward(Module& module, const Array& x, DType dtype = DType::f32) {
    return module.forward(ctx_, Var{test::upload(*stream_, x, dtype)});
  }
  Array host(const Var& y) { return test::download(*stream_, y.value); }

  /// The weights that a binary layer multiplies with.
  Array signs(Module& module, std::size_t index = 0) {
    Array w = values(module, index);
    for (double& value : w.values) {
      value = value < 0.0 ? -1.0 : 1.0;
    }
    return w;
  }
  Array values(Module& module, std::size_t index = 0) {
    std::vector<Array> all;
    module.parameters([&](Parameter& p) { all.push_back(test::download(*stream_, p.value)); });
    return all.at(index);
  }

  static Array signed_input(Array x) {
    for (double& value : x.values) {
      value = value < 0.0 ? -1.0 : 1.0;
    }
    return x;
  }

  std::unique_ptr<Stream> stream_ = test::test_stream({});
  Context ctx_{*stream_, nullptr, Mode::train};
  RandomKey key_{11, 5, RandomPurpose::init};
};

void expect_equal(const Array& got, const Array& expected, double tolerance = 0.0) {
  ASSERT_EQ(got.shape, expected.shape) << got.shape.text();
  for (std::int64_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], tolerance) << i;
  }
}

TEST_F(LayersTest, BinaryConvolutionBinarizesWeightsAndInput) {
  const auto geometry = ops::Geometry::with_stride(2);
  BinaryConv2d conv(*stream_, "conv", {33, 5, 3, 3}, geometry, key_);
  const Array x = input({3, 7, 7, 33});
  const Var y = forward(conv, x);
  EXPECT_EQ(y.value.dtype(), DType::i16);
  expect_equal(host(y), test::conv2d_oracle(signed_input(x), signs(conv), geometry));
}

TEST_F(LayersTest, RealInputModeKeepsThePixels) {
  BinaryConv2d conv(*stream_, "stem", {1, 16, 3, 3}, {}, key_, {.input = false});
  const Array x = input({1, 7, 7, 1});
  const Var y = forward(conv, x);
  EXPECT_EQ(y.value.dtype(), DType::f32);
  expect_equal(host(y), test::conv2d_oracle(x, signs(conv), {}), 1e-5);
}

TEST_F(LayersTest, DepthwiseAndDenseBinarizeToo) {
  BinaryDepthwiseConv2d depthwise(*stream_, "depthwise", {65, 65, 5, 5}, {}, key_);
  const Array image = input({1, 4, 4, 65});
  expect_equal(host(forward(depthwise, image)), test::depthwise_oracle(signed_input(image), signs(depthwise), {}));
  BinaryDense dense(*stream_, "dense", 33, 10, key_);
  const Array rows = input({3, 33});
  expect_equal(host(forward(dense, rows)), test::dense_oracle(signed_input(rows), signs(dense)));
}

/// y = mean |w| of the filter times the layer of signs; the gradient of both parts reaches the latent weights.
TEST_F(LayersTest, XnorScalesMultiplyEachFilter) {
  const Binarization scaled{.scale = true};
  BinaryConv2d conv(*stream_, "conv", {3, 4, 3, 3}, {}, key_, scaled);
  BinaryDepthwiseConv2d depthwise(*stream_, "depthwise", {3, 3, 3, 3}, {}, key_, scaled);
  BinaryDense dense(*stream_, "dense", 7, 4, key_, scaled);
  const Array image = input({1, 4, 4, 3}), rows = input({2, 7});
  const auto expect_scaled = [&](Module& module, const Array& x, Array unscaled, bool filters_last) {
    const Array w = values(module);
    const std::int64_t count = filters_last ? w.shape.channels() : w.shape[0], size = w.size() / count;
    std::vector<double> scale(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < w.size(); ++i) {
      scale[static_cast<std::size_t>(filters_last ? i % count : i / size)] +=
          std::fabs(w[i]) / static_cast<double>(size);
    }
    for (std::int64_t i = 0; i < unscaled.size(); ++i) {
      unscaled[i] *= scale[static_cast<std::size_t>(i % count)];
    }
    const Var y = forward(module, x);
    EXPECT_EQ(y.value.dtype(), DType::f32);
    expect_equal(host(y), unscaled, 1e-5);
  };
  expect_scaled(conv, image, test::conv2d_oracle(signed_input(image), signs(conv), {}), false);
  expect_scaled(depthwise, image, test::depthwise_oracle(signed_input(image), signs(depthwise), {}), true);
  expect_scaled(dense, rows, test::dense_oracle(signed_input(rows), signs(dense)), false);

  // Of L = sum of y: dL/dalpha_o = sum of x . sign(w_o), so dL/dw_oi = alpha_o sum x_i + sign(w_oi) dL/dalpha_o / n.
  Tape tape(*stream_);
  ctx_.tape = &tape;
  const Var y = forward(dense, rows);
  tape.backward(y, Tensor::full(*stream_, y.shape(), 1.0F));
  const Array w = values(dense), s = signs(dense), xs = signed_input(rows);
  dense.parameters([&](Parameter& p) {
    const Array gradient = test::download(*stream_, p.grad);
    for (std::int64_t o = 0; o < 4; ++o) {
      double alpha = 0.0, dot = 0.0;
      for (std::int64_t i = 0; i < 7; ++i) {
        alpha += std::fabs(w[o * 7 + i]) / 7.0;
        dot += (xs[i] + xs[7 + i]) * s[o * 7 + i];
      }
      for (std::int64_t i = 0; i < 7; ++i) {
        EXPECT_NEAR(gradient[o * 7 + i], alpha * (xs[i] + xs[7 + i]) + s[o * 7 + i] * dot / 7.0, 1e-5);
      }
    }
  });
}

TEST_F(LayersTest, FloatLayersUseTheirWeightsAsTheyAre) {
  Conv2d conv(*stream_, "conv", {3, 4, 1, 3}, {}, key_);
  const Array image = input({1, 4, 4, 3});
  expect_equal(host(forward(conv, image)), test::conv2d_oracle(image, values(conv), {}), 1e-5);
  Dense dense(*stream_, "dense", 5, 4, key_);
  const Array rows = input({3, 5}), bias = values(dense, 1);
  expect_equal(host(forward(dense, rows)), test::dense_oracle(rows, values(dense), &bias), 1e-5);
}

TEST_F(LayersTest, LatentWeightsFillTheIntervalAndRepeatForTheirKey) {
  BinaryConv2d conv(*stream_, "conv", {32, 32, 3, 3}, {}, key_), same(*stream_, "conv", {32, 32, 3, 3}, {}, key_);
  BinaryConv2d other(*stream_, "conv", {32, 32, 3, 3}, {}, key_.derive(1));
  const Array w = values(conv);
  EXPECT_EQ(w.values, values(same).values);
  EXPECT_NE(w.values, values(other).values);
  double sum = 0.0, squares = 0.0;
  for (const double value : w.values) {
    ASSERT_TRUE(value >= -1.0 && value < 1.0) << value;
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(w.size());  // 9216 values: the standard error of the mean is 0.006
  EXPECT_NEAR(sum / n, 0.0, 0.03);
  EXPECT_NEAR(squares / n, 1.0 / 3.0, 0.02);
}

TEST_F(LayersTest, ParametersSayNameRoleAndFans) {
  BinaryConv2d conv(*stream_, "cell0.conv", {3, 8, 1, 7}, {}, key_);
  conv.parameters([](Parameter& p) {
    EXPECT_EQ(p.name, "cell0.conv.weight");
    EXPECT_EQ(p.role, ParamRole::latent_binary);
    EXPECT_EQ(p.fan_in, 7 * 3);
    EXPECT_EQ(p.fan_out, 7 * 8);
  });
  Dense dense(*stream_, "head", 3, 8, key_);
  std::vector<std::string> names;
  dense.parameters([&](Parameter& p) {
    names.push_back(p.name);
    EXPECT_EQ(p.role, ParamRole::real);
  });
  EXPECT_EQ(names, (std::vector<std::string>{"head.weight", "head.bias"}));
}

/// Output pixel (i, j) reads input pixel (2i, 2j) in its first half and (2i + 1, 2j + 1) in its second.
TEST_F(LayersTest, FactorizedReductionReadsBothGrids) {
  for (const std::int64_t size : {4, 7}) {
    constexpr std::int64_t kIn = 33, kOut = 5, kEven = 3;
    FactorizedReduction reduction(*stream_, "reduce", kIn, kOut, key_);
    const Array x = input({1, size, size, kIn}), xs = signed_input(x);
    const Array even = signs(reduction, 0), odd = signs(reduction, 1);
    const std::int64_t out = (size + 1) / 2;
    Array expected(Shape{1, out, out, kOut});
    for (std::int64_t i = 0; i < expected.size(); ++i) {
      const std::int64_t f = i % kOut, shift = f < kEven ? 0 : 1;
      const std::int64_t row = 2 * (i / kOut / out) + shift, column = 2 * (i / kOut % out) + shift;
      for (std::int64_t c = 0; c < kIn && row < size && column < size; ++c) {
        expected[i] +=
            xs[(row * size + column) * kIn + c] * (shift == 0 ? even[f * kIn + c] : odd[(f - kEven) * kIn + c]);
      }
    }
    expect_equal(host(forward(reduction, x)), expected);
  }
}

TEST_F(LayersTest, BatchNormStartsAsThePlainNormalization) {
  BatchNorm norm(*stream_, "norm", 2);
  std::vector<std::string> buffers;
  norm.buffers([&](const std::string& name, Tensor&) { buffers.push_back(name); });
  EXPECT_EQ(buffers, (std::vector<std::string>{"norm.running_mean", "norm.running_variance"}));
  Array x(Shape{2, 2});
  x.values = {1.0, -8.0, 3.0, 8.0};
  Array expected(Shape{2, 2});
  expected.values = {-1.0, -1.0, 1.0, 1.0};
  expect_equal(host(forward(norm, x)), expected, 1e-5);
  expect_equal(host(norm.forward_sign(ctx_, Var{test::upload(*stream_, x, DType::f32)})), expected);
}

TEST_F(LayersTest, BatchNormOfRowsPoolsImagesColumnsAndChannels) {
  constexpr std::int64_t kN = 2, kH = 3, kRow = 4 * 5;  // width times channels
  BatchNorm norm(*stream_, "norm", kH);
  const Array x = input({kN, kH, 4, 5});
  Array expected = x;
  for (std::int64_t h = 0; h < kH; ++h) {
    const auto each = [&](auto&& visit) {
      for (std::int64_t i = 0; i < kN * kRow; ++i) {
        visit((i / kRow * kH + h) * kRow + i % kRow);
      }
    };
    double mean = 0.0, variance = 0.0;
    each([&](std::int64_t i) { mean += x[i] / (kN * kRow); });
    each([&](std::int64_t i) { variance += (x[i] - mean) * (x[i] - mean) / (kN * kRow); });
    each([&](std::int64_t i) { expected[i] = (x[i] - mean) / std::sqrt(variance + 1e-5); });
  }
  expect_equal(host(norm.forward_rows(ctx_, Var{test::upload(*stream_, x, DType::f32)})), expected, 1e-5);
}

TEST_F(LayersTest, SequentialRunsInOrderAndTrainsEveryParameter) {
  Sequential network;
  network
      .add(std::make_unique<BinaryConv2d>(*stream_, "a", ConvSize{1, 8, 3, 3}, ops::Geometry{}, key_.derive(0),
                                          Binarization{.input = false}))
      .add(std::make_unique<BatchNorm>(*stream_, "a.norm", 8))
      .add(std::make_unique<FactorizedReduction>(*stream_, "b", 8, 6, key_.derive(1)))
      .add(std::make_unique<BatchNorm>(*stream_, "b.norm", 6));
  Tape tape(*stream_);
  ctx_.tape = &tape;
  const Var y = forward(network, input({3, 4, 4, 1}));
  EXPECT_EQ(y.shape(), (Shape{3, 2, 2, 6}));
  const Var loss = tape.record("upstream", Tensor(*stream_, Shape{}, DType::f32), {y},
                               {test::upload(*stream_, input({3, 2, 2, 6}), DType::f32)}, [](BackwardContext& bw) {
                                 GradSlot slot = bw.dx(0);
                                 slot.tensor.copy_from(bw.stream(), bw.saved(0));
                               });
  tape.backward(loss);
  std::set<std::string> names;
  network.parameters([&](Parameter& p) {
    names.insert(p.name);
    const std::vector<float> gradient = p.grad.to_host(*stream_);
    EXPECT_TRUE(std::any_of(gradient.begin(), gradient.end(), [](float g) { return g != 0.0F; })) << p.name;
    EXPECT_TRUE(std::none_of(gradient.begin(), gradient.end(), [](float g) { return std::isnan(g); })) << p.name;
  });
  EXPECT_EQ(names.size(), 7U) << "names are unique";
}

}  // namespace
}  // namespace bnas::nn
