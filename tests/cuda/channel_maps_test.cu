// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/channel_maps.hpp"

#include <gtest/gtest.h>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("ChannelMaps", "host loops with exact sums");

using Floats = std::vector<float>;

// One; around a block's 32 columns; more rows than a slice has, and more than one tile of columns.
const Matrix kSizes[] = {{1, 1}, {7, 33}, {64, 8}, {2500, 3}, {1025, 40}};

std::size_t count(const Matrix& size) { return static_cast<std::size_t>(size.rows * size.channels); }
Floats integers(std::size_t n, std::uint64_t site) { return random_integers<float>(n, site, 20); }

template <class T>
std::vector<T> numbers(const Floats& values) {
  return {values.begin(), values.end()};
}

/// `expected` where `accumulate` is false, else on top of what was there.
template <class Launch>
void expect_both_modes(const TestStream& stream, const Floats& expected, Launch launch, const char* what) {
  const Floats before = integers(expected.size(), 9);
  for (const bool accumulate : {false, true}) {
    auto y = DeviceBuffer<float>::output(expected.size());
    Floats want = expected;
    for (std::size_t i = 0; accumulate && i < want.size(); ++i) {
      want[i] += before[i];
    }
    if (accumulate) {
      y.upload(before);
    }
    require_ok(launch(y.data(), accumulate));
    stream.synchronize();
    EXPECT_EQ(y.download(), want) << what << (accumulate ? " added" : "");
  }
}

template <class T>
void test_scale_and_dot(NumberType type) {
  const TestStream stream;
  for (const Matrix& size : kSizes) {
    const std::size_t n = count(size), channels = static_cast<std::size_t>(size.channels);
    const Floats x = integers(n, 1), scale = integers(channels, 2), dy = integers(n, 3);
    Floats y(n), dot(channels);
    for (std::size_t i = 0; i < n; ++i) {
      y[i] = x[i] * scale[i % channels];
      dot[i % channels] += x[i] * dy[i];  // integers: exact in any order
    }
    const auto d_x = DeviceBuffer<T>::input(numbers<T>(x));
    const auto d_scale = DeviceBuffer<float>::input(scale), d_dy = DeviceBuffer<float>::input(dy);
    expect_both_modes(
        stream, y,
        [&](float* to, bool add) {
          return scale_channels(d_x.data(), type, d_scale.data(), size, to, add, stream.get());
        },
        "scale_channels");
    ScratchMemory scratch(channel_sums_workspace_bytes(size));
    expect_both_modes(
        stream, dot,
        [&](float* to, bool add) {
          return dot_channels(d_dy.data(), d_x.data(), type, size, to, add, scratch.get(), stream.get());
        },
        "dot_channels");
  }
}

TEST(ChannelMaps, ScaleAndDotOfEveryType) {
  test_scale_and_dot<float>(NumberType::f32);
  test_scale_and_dot<std::int8_t>(NumberType::i8);
  test_scale_and_dot<std::int16_t>(NumberType::i16);
  test_scale_and_dot<std::int32_t>(NumberType::i32);
}

TEST(ChannelMaps, PreluAndItsGradients) {
  const TestStream stream;
  for (const Matrix& size : kSizes) {
    const std::size_t n = count(size), channels = static_cast<std::size_t>(size.channels);
    const Floats x = integers(n, 1), slope = integers(channels, 2), dy = integers(n, 3);
    Floats y(n), dx(n), dslope(channels);
    for (std::size_t i = 0; i < n; ++i) {
      const float factor = x[i] > 0.0F ? 1.0F : slope[i % channels];
      y[i] = factor * x[i];
      dx[i] = factor * dy[i];
      dslope[i % channels] += x[i] > 0.0F ? 0.0F : dy[i] * x[i];
    }
    const auto d_x = DeviceBuffer<float>::input(x), d_slope = DeviceBuffer<float>::input(slope),
               d_dy = DeviceBuffer<float>::input(dy);
    auto in_place = DeviceBuffer<float>::output(n);
    in_place.upload(x);
    require_ok(prelu(in_place.data(), d_slope.data(), size, in_place.data(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(in_place.download(), y);
    expect_both_modes(
        stream, dx,
        [&](float* to, bool add) {
          return prelu_backward(d_dy.data(), d_x.data(), d_slope.data(), size, to, add, stream.get());
        },
        "prelu_backward");
    ScratchMemory scratch(channel_sums_workspace_bytes(size));
    expect_both_modes(
        stream, dslope,
        [&](float* to, bool add) {
          return prelu_slope_backward(d_dy.data(), d_x.data(), size, to, add, scratch.get(), stream.get());
        },
        "prelu_slope_backward");
  }
}

TEST(ChannelMaps, PlacesAndShuffles) {
  const TestStream stream;
  const Matrix size{37, 12};
  const Floats x = integers(count(size), 1), narrow = integers(37 * 5, 2);
  const auto d_x = DeviceBuffer<float>::input(x), d_narrow = DeviceBuffer<float>::input(narrow);
  Floats shuffled(x.size()), placed(x.size());
  for (std::size_t r = 0; r < 37; ++r) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t g = 0; g < 3; ++g) {
        shuffled[r * 12 + i * 3 + g] = x[r * 12 + g * 4 + i];
      }
    }
    for (std::size_t c = 0; c < 5; ++c) {
      placed[r * 12 + 6 + c] = narrow[r * 5 + c];
    }
  }
  expect_both_modes(
      stream, shuffled,
      [&](float* to, bool add) { return shuffle_channels(d_x.data(), 3, size, to, add, stream.get()); }, "shuffle");
  expect_both_modes(
      stream, placed,
      [&](float* to, bool add) { return place_channels(d_narrow.data(), 6, 5, size, to, add, stream.get()); }, "place");
}

TEST(ChannelMaps, SumsRunInAGraph) {
  const TestStream stream;
  const Matrix size{3000, 2};
  const Floats ones(count(size), 1.0F);
  const auto x = DeviceBuffer<float>::input(ones);
  auto dot = DeviceBuffer<float>::output(2);
  dot.upload({0, 0});
  ScratchMemory scratch(channel_sums_workspace_bytes(size));
  capture_and_replay(stream, 3, [&](cudaStream_t s) {
    return dot_channels(x.data(), x.data(), NumberType::f32, size, dot.data(), true, scratch.get(), s);
  });
  EXPECT_EQ(dot.download(), (Floats{9000, 9000}));
  EXPECT_TRUE(scratch.is_as_promised());
}

TEST(ChannelMaps, RefuseBadArguments) {
  auto* p = reinterpret_cast<float*>(256);
  const auto invalid = StatusCode::invalid_argument;
  EXPECT_EQ(scale_channels(nullptr, NumberType::f32, p, {1, 1}, p, false, nullptr).code, invalid);
  EXPECT_EQ(scale_channels(p, NumberType::f32, p, {-1, 1}, p, false, nullptr).code, invalid);
  EXPECT_TRUE(scale_channels(nullptr, NumberType::f32, nullptr, {0, 5}, nullptr, false, nullptr).ok());
  EXPECT_EQ(prelu(p, nullptr, {1, 1}, p, nullptr).code, invalid);
  EXPECT_EQ(dot_channels(p, p, NumberType::f32, {5000, 1}, p, false, {}, nullptr).code,
            StatusCode::workspace_too_small);
  EXPECT_EQ(prelu_slope_backward(p, p, {1, 1}, nullptr, false, {}, nullptr).code, invalid);
  EXPECT_EQ(place_channels(p, 3, 2, {1, 4}, p, false, nullptr).code, invalid);
  EXPECT_EQ(shuffle_channels(p, 3, {1, 4}, p + 64, false, nullptr).code, invalid);
  EXPECT_EQ(shuffle_channels(p, 2, {1, 4}, p, false, nullptr).code, invalid);
}

}  // namespace
}  // namespace bnas::cuda::test
