// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/binary_depthwise_conv2d.hpp"

#include <gtest/gtest.h>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "support/conv_oracle.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("BinaryDepthwiseConv2d", "definition in double, integers equal");

using testing_support::conv_oracle;
using testing_support::ConvShapes;
using testing_support::Values;
using testing_support::w_size;
using testing_support::x_size;
using testing_support::y_size;

constexpr int kAnyCapability = 80;

template <class T>
void expect_equal_as(const BinaryDepthwisePlan& plan, const Values& x, const Values& w) {
  const Conv2dDims& d = plan.dims;
  ASSERT_TRUE(plan.status.ok()) << plan.status.message;
  const TestStream stream;
  const auto bits = DeviceBuffer<Word>::input(pack(x, d.c));
  const auto filters = DeviceBuffer<Word>::input(pack(w, d.c));
  const auto y = DeviceBuffer<T>::output(y_size(d));
  require_ok(binary_depthwise_conv2d(plan, bits.data(), filters.data(), y.data(), stream.get()));
  stream.synchronize();
  const std::vector<T> dots = y.download();
  ASSERT_EQ(Values(dots.begin(), dots.end()), conv_oracle(x, w, d, true))
      << d.n << "x" << d.h << "x" << d.w << "x" << d.c << ", kernel " << d.kh << "x" << d.kw << ", stride "
      << d.stride_h << "," << d.stride_w << ", pad " << d.pad_h.begin << "," << d.pad_w.begin;
}

void expect_equal(const BinaryDepthwisePlan& plan, const Values& x, const Values& w) {
  if (plan.dims.kh * plan.dims.kw <= 127) {
    expect_equal_as<std::int8_t>(plan, x, w);
  } else {
    expect_equal_as<std::int16_t>(plan, x, w);
  }
}

Conv2dDims depthwise(int n, int h, int w, int c, int kh, int kw) {
  return {.n = n, .h = h, .w = w, .c = c, .o = c, .kh = kh, .kw = kw, .pad_h = {}, .pad_w = {}};
}

TEST(BinaryDepthwiseConv2d, EqualsTheDefinitionOnRandomShapes) {
  ConvShapes shapes(21, true);
  for (int i = 0; i < 2'000 && !testing::Test::HasFatalFailure(); ++i) {
    const Conv2dDims d = shapes.next();
    expect_equal(plan_binary_depthwise_conv2d(d, kAnyCapability), shapes.signs(x_size(d)),
                 shapes.signs(w_size(d, true)));
  }
}

// Several channel tiles, several pixel tiles, one word at a time.
TEST(BinaryDepthwiseConv2d, EveryKindOfTile) {
  ConvShapes shapes(22, true);
  for (const auto& [h, w, c] : {std::tuple{17, 18, 24}, {2, 270, 3}, {3, 4, 300}}) {
    Conv2dDims d = depthwise(3, h, w, c, 3, 3);
    d.pad_h = d.pad_w = {1, 1};
    const Values x = shapes.signs(x_size(d));
    const Values filters = shapes.signs(w_size(d, true));
    for (const BinaryDepthwisePolicy& policy :
         {BinaryDepthwisePolicy{}, BinaryDepthwisePolicy{.items = 7, .words = 3, .blocks = 1}}) {
      expect_equal(plan_binary_depthwise_conv2d(d, policy), x, filters);
    }
  }
}

// Counters at their ends: 15 and 16 taps around 4 planes, 127 and 128 around 7 planes and i8, 143 in i16.
TEST(BinaryDepthwiseConv2d, ExtremeValuesDoNotOverflow) {
  for (const auto& [kh, kw] : {std::pair{1, 15}, {1, 16}, {7, 9}, {8, 8}, {1, 127}, {2, 64}, {11, 13}}) {
    const Conv2dDims d = depthwise(3, kh, kw, 33, kh, kw);
    const BinaryDepthwisePlan plan = plan_binary_depthwise_conv2d(d, kAnyCapability);
    for (const double sign : {1.0, -1.0}) {
      expect_equal(plan, Values(x_size(d), 1.0), Values(w_size(d, true), sign));
      expect_equal(plan, Values(x_size(d), -1.0), Values(w_size(d, true), sign));
    }
  }
}

TEST(BinaryDepthwiseConv2d, RunsInAGraph) {
  ConvShapes shapes(23, true);
  const TestStream stream;
  const Conv2dDims d = depthwise(2, 5, 5, 40, 3, 3);
  const Values x = shapes.signs(x_size(d));
  const Values w = shapes.signs(w_size(d, true));
  const auto bits = DeviceBuffer<Word>::input(pack(x, d.c));
  const auto filters = DeviceBuffer<Word>::input(pack(w, d.c));
  const auto y = DeviceBuffer<std::int8_t>::output(y_size(d));
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    return binary_depthwise_conv2d(plan_binary_depthwise_conv2d(d, kAnyCapability), bits.data(), filters.data(),
                                   y.data(), s);
  });
  const std::vector<std::int8_t> dots = y.download();
  EXPECT_EQ(Values(dots.begin(), dots.end()), conv_oracle(x, w, d, true));
}

TEST(BinaryDepthwiseConv2d, RefusesWhatNoKernelTakes) {
  Conv2dDims other = depthwise(1, 4, 4, 8, 3, 3), small = other;
  other.o = 9;
  small.pad_w = {-2, 0};
  const auto code = [](const Conv2dDims& d) { return plan_binary_depthwise_conv2d(d, kAnyCapability).status.code; };
  EXPECT_EQ(code(other), StatusCode::invalid_argument);
  EXPECT_EQ(code(small), StatusCode::invalid_argument);
  EXPECT_EQ(code(depthwise(1, 300, 300, 8, 200, 200)), StatusCode::unsupported);
  EXPECT_EQ(code(depthwise(1, 150, 150, 8, 150, 150)), StatusCode::unsupported);
  EXPECT_EQ(code(depthwise(1, 4, 4, 8, 3, 3)), StatusCode::ok);
  EXPECT_EQ(
      binary_depthwise_conv2d(plan_binary_depthwise_conv2d(other, kAnyCapability), nullptr, nullptr, nullptr, nullptr)
          .code,
      StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
