// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/elementwise.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Elementwise", "formula in double");

// One, around a thread's four, around a block's 1024, several blocks.
constexpr int kSizes[] = {1, 3, 4, 5, 1023, 1024, 1025, 5000};

class Elementwise : public testing::Test {
 protected:
  using Map = std::function<Status(const float* a, const float* b, std::int64_t n, float* y, cudaStream_t)>;
  using Formula = std::function<double(float a, float b, float y)>;

  TestStream stream_;

  /// y starts at 0.25 everywhere; a spans [-4, 4) and holds 0 and -0. `offset` moves all arrays off a vector's place.
  void expect_map(const Map& map, const Formula& formula, double relative) const {
    for (const int n : kSizes) {
      for (const int offset : {0, 1}) {
        const auto size = static_cast<std::size_t>(n + offset);
        std::vector<float> a = random_floats(size, 1, 4.0F), b = random_floats(size, 2, 1.0F);
        a.back() = -0.0F;
        a[size / 2] = 0.0F;
        const auto device_a = DeviceBuffer<float>::input(a);
        const auto device_b = DeviceBuffer<float>::input(b);
        auto y = DeviceBuffer<float>::output(size);
        y.upload(std::vector<float>(size, 0.25F));
        require_ok(map(device_a.data() + offset, device_b.data() + offset, n, y.data() + offset, stream_.get()));
        stream_.synchronize();
        const std::vector<float> got = y.download();
        EXPECT_EQ(got[0], offset == 0 ? got[0] : 0.25F);
        for (std::size_t i = static_cast<std::size_t>(offset); i < size; ++i) {
          const double want = formula(a[i], b[i], 0.25F);
          ASSERT_NEAR(double{got[i]}, want, relative * std::fabs(want)) << n << " elements, " << i;
        }
      }
    }
  }
};

// Sums and products of two floats round once, as on the host: equality.
TEST_F(Elementwise, AddAndScale) {
  expect_map([](auto a, auto b, auto n, auto y, auto s) { return add(a, b, n, y, s); },
             [](float a, float b, float) { return a + b; }, 0.0);
  expect_map([](auto a, auto, auto n, auto y, auto s) { return scale(a, n, -0.3F, y, false, s); },
             [](float a, float, float) { return -0.3F * a; }, 0.0);
  expect_map([](auto a, auto, auto n, auto y, auto s) { return scale(a, n, -0.3F, y, true, s); },
             [](float a, float, float y) { return y + -0.3F * a; }, 0.0);
}

TEST_F(Elementwise, SigmoidAndItsGradient) {
  expect_map([](auto a, auto, auto n, auto y, auto s) { return sigmoid(a, n, y, s); },
             [](float a, float, float) { return 1.0 / (1.0 + std::exp(-double{a})); }, 3.6e-7);  // 3 units of 2^-23
  expect_map([](auto a, auto b, auto n, auto y, auto s) { return sigmoid_backward(a, b, n, y, false, s); },
             [](float dy, float y, float) { return dy * (y * (1.0F - y)); }, 0.0);
  expect_map([](auto a, auto b, auto n, auto y, auto s) { return sigmoid_backward(a, b, n, y, true, s); },
             [](float dy, float y, float dx) { return dx + dy * (y * (1.0F - y)); }, 0.0);
}

TEST_F(Elementwise, ReluAndItsGradient) {
  expect_map([](auto a, auto, auto n, auto y, auto s) { return relu(a, n, y, s); },
             [](float a, float, float) { return a > 0.0F ? a : 0.0F; }, 0.0);
  expect_map([](auto a, auto b, auto n, auto y, auto s) { return relu_backward(b, a, n, y, false, s); },
             [](float y, float dy, float) { return y > 0.0F ? dy : 0.0F; }, 0.0);
  expect_map([](auto a, auto b, auto n, auto y, auto s) { return relu_backward(b, a, n, y, true, s); },
             [](float y, float dy, float dx) { return y > 0.0F ? dx + dy : dx; }, 0.0);
}

TEST_F(Elementwise, ExtremesOfSigmoidAndRelu) {
  const auto x = DeviceBuffer<float>::input({-1000.0F, 1000.0F, NAN, -INFINITY});
  const auto y = DeviceBuffer<float>::output(4);
  require_ok(sigmoid(x.data(), 4, y.data(), stream_.get()));
  stream_.synchronize();
  EXPECT_EQ(y.download()[0], 0.0F);
  EXPECT_EQ(y.download()[1], 1.0F);
  EXPECT_TRUE(std::isnan(y.download()[2]));
  require_ok(relu(x.data(), 4, y.data(), stream_.get()));
  stream_.synchronize();
  EXPECT_EQ(y.download()[3], 0.0F);
  EXPECT_TRUE(std::isnan(y.download()[2]));  // divergence shows
}

TEST_F(Elementwise, AnOutputMayBeAnInput) {
  const std::vector<float> a = random_floats(1000, 3);
  auto y = DeviceBuffer<float>::output(a.size());
  y.upload(a);
  require_ok(add(y.data(), y.data(), 1000, y.data(), stream_.get()));
  stream_.synchronize();
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(y.download()[i], 2.0F * a[i]);
  }
}

TEST_F(Elementwise, CopiesBytes) {
  const std::vector<std::uint8_t> bytes{1, 2, 3, 4, 5, 6, 7};
  const auto x = DeviceBuffer<std::uint8_t>::input(bytes);
  const auto y = DeviceBuffer<std::uint8_t>::output(bytes.size());
  capture_and_replay(stream_, 2, [&](cudaStream_t s) { return copy(x.data(), bytes.size(), y.data(), s); });
  EXPECT_EQ(y.download(), bytes);
  EXPECT_TRUE(copy(nullptr, 0, nullptr, stream_.get()).ok());
  EXPECT_TRUE(copy(y.data(), 7, y.data(), stream_.get()).ok());
  EXPECT_EQ(copy(nullptr, 1, y.data(), stream_.get()).code, StatusCode::invalid_argument);
}

TEST_F(Elementwise, RunsInAGraph) {
  const auto x = DeviceBuffer<float>::input(std::vector<float>(300, 2.0F));
  auto y = DeviceBuffer<float>::output(300);
  y.upload(std::vector<float>(300, 1.0F));
  capture_and_replay(stream_, 2, [&](cudaStream_t s) { return scale(x.data(), 300, 0.5F, y.data(), true, s); });
  EXPECT_EQ(y.download(), std::vector<float>(300, 3.0F));
}

TEST_F(Elementwise, RefusesNullAndNegativeSizes) {
  const auto y = DeviceBuffer<float>::output(4);
  EXPECT_TRUE(add(nullptr, nullptr, 0, nullptr, stream_.get()).ok());
  EXPECT_EQ(add(y.data(), nullptr, 4, y.data(), stream_.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(scale(y.data(), -1, 1.0F, y.data(), false, stream_.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(sigmoid_backward(y.data(), nullptr, 4, y.data(), false, stream_.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(relu(nullptr, 4, y.data(), stream_.get()).code, StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
