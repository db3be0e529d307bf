// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/sign.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Sign", "bit by bit on the host, equal") &&
                       testing_support::declare_oracle("MaskBackward", "host loops, equal") &&
                       testing_support::declare_oracle("SignBackward", "formula in double");

constexpr int kRows = 7;  // odd, so that the last warp is not full
// Around a quad of channels, half a word, one and two words, and a row that is no multiple of 4 floats.
constexpr int kChannels[] = {1, 3, 4, 5, 16, 31, 32, 33, 36, 64, 65, 96};

std::size_t size_of(int channels) { return static_cast<std::size_t>(kRows) * static_cast<std::size_t>(channels); }
std::size_t words_of(int channels) { return kRows * static_cast<std::size_t>(words_for(channels)); }

template <class T>
void expect_signs(const std::vector<T>& x, int channels) {
  const TestStream stream;
  const auto rows = static_cast<std::int64_t>(x.size()) / channels;
  const auto words = static_cast<std::size_t>(rows * words_for(channels));
  std::vector<int> signs, inside;  // as values: -1 packs to 1
  for (const T v : x) {
    signs.push_back(v < T{0} ? -1 : 1);
    inside.push_back(v >= T{-1} && v <= T{1} ? -1 : 1);
  }
  const auto input = DeviceBuffer<T>::input(x);
  const auto bits = DeviceBuffer<Word>::output(words), mask = DeviceBuffer<Word>::output(words);
  const auto alone = DeviceBuffer<Word>::output(words);
  require_ok(sign(input.data(), rows, channels, bits.data(), mask.data(), stream.get()));
  require_ok(sign(input.data(), rows, channels, alone.data(), nullptr, stream.get()));
  stream.synchronize();
  EXPECT_EQ(bits.download(), pack(signs, channels)) << channels;
  EXPECT_EQ(mask.download(), pack(inside, channels)) << channels;
  EXPECT_EQ(alone.download(), pack(signs, channels)) << channels;
}

TEST(Sign, BitsAndMaskOfEveryType) {
  for (const int c : kChannels) {
    expect_signs(random_floats(size_of(c), 1, 2.0F), c);
    expect_signs(random_integers<std::int8_t>(size_of(c), 2, 2), c);  // -2..2: both sides of the mask
    expect_signs(random_integers<std::int16_t>(size_of(c), 3, 2), c);
    expect_signs(random_integers<std::int32_t>(size_of(c), 4, 2), c);
  }
}

TEST(Sign, EdgesOfTheConvention) {
  using F = std::numeric_limits<float>;
  const float above = std::nextafter(1.0F, 2.0F);
  expect_signs(std::vector<float>{0.0F, -0.0F, F::quiet_NaN(), -F::quiet_NaN(), F::infinity(), -F::infinity(),
                                  F::denorm_min(), -F::denorm_min(), 1.0F, -1.0F, above, -above},
               12);
  expect_signs(std::vector<std::int8_t>{-128, 127, -1, 1, 0}, 5);
  expect_signs(std::vector<std::int16_t>{-32768, 32767, -1, 1, 0}, 5);
  expect_signs(std::vector<std::int32_t>{std::numeric_limits<std::int32_t>::min(),
                                         std::numeric_limits<std::int32_t>::max(), -1, 1, 0},
               5);
}

TEST(Sign, UnpackInvertsPack) {
  const TestStream stream;
  for (const int c : kChannels) {
    const auto x = DeviceBuffer<float>::input(random_floats(size_of(c), 5));
    const auto bits = DeviceBuffer<Word>::output(words_of(c));
    const auto y = DeviceBuffer<float>::output(size_of(c));
    require_ok(cuda::pack(x.data(), kRows, c, bits.data(), stream.get()));
    require_ok(cuda::unpack(bits.data(), kRows, c, y.data(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), unpack<float>(bits.download(), kRows, c)) << c;
  }
}

template <class T>
void expect_floats(const std::vector<T>& x) {
  const TestStream stream;
  const auto input = DeviceBuffer<T>::input(x);
  const auto y = DeviceBuffer<float>::output(x.size());
  require_ok(to_float(input.data(), static_cast<std::int64_t>(x.size()), y.data(), stream.get()));
  stream.synchronize();
  EXPECT_EQ(y.download(), std::vector<float>(x.begin(), x.end()));
}

TEST(Sign, IntegersBecomeFloats) {
  expect_floats(std::vector<std::uint8_t>{0, 1, 127, 128, 255});
  expect_floats(std::vector<std::int8_t>{-128, -1, 0, 127});
  expect_floats(std::vector<std::int16_t>{-32768, -1, 0, 32767});
  // 2^24 + 1 and + 3 lie between two floats: ties to even.
  expect_floats(std::vector<std::int32_t>{0, -5, 16'777'217, 16'777'219, -16'777'217, 2'147'483'647});
}

TEST(MaskBackward, PassesWhereTheBitIsOne) {
  const TestStream stream;
  for (const int c : kChannels) {
    const std::vector<float> dy = random_floats(size_of(c), 6), before = random_floats(size_of(c), 7);
    const std::vector<float> gate = random_floats(size_of(c), 8);  // negative: open
    std::vector<float> passed(dy.size()), added(dy.size());
    for (std::size_t i = 0; i < dy.size(); ++i) {
      passed[i] = gate[i] < 0.0F ? dy[i] : 0.0F;
      added[i] = before[i] + passed[i];
    }
    const auto upstream = DeviceBuffer<float>::input(dy);
    const auto mask = DeviceBuffer<Word>::input(pack(gate, c));
    auto dx = DeviceBuffer<float>::output(size_of(c));
    require_ok(mask_backward(upstream.data(), mask.data(), kRows, c, dx.data(), false, stream.get()));
    stream.synchronize();
    EXPECT_EQ(dx.download(), passed) << c;
    dx.upload(before);
    require_ok(mask_backward(upstream.data(), mask.data(), kRows, c, dx.data(), true, stream.get()));
    stream.synchronize();
    EXPECT_EQ(dx.download(), added) << c;
  }
}

/// The published derivatives in double; swish is 2 s(z) (1 + z (1 - s(z))) - 1 with z = 5 x, by the product rule.
double slope(PseudoGradient kind, double x) {
  const double z = 5.0 * x, s = 1.0 / (1.0 + std::exp(-z)), ds = s * (1.0 - s);
  switch (kind) {
    case PseudoGradient::ste_sign:
      return std::fabs(x) <= 1.0 ? 1.0 : 0.0;
    case PseudoGradient::approx_sign:
      return std::fabs(x) < 1.0 ? 2.0 - 2.0 * std::fabs(x) : 0.0;
    case PseudoGradient::swish_sign:
      return 10.0 * (ds * (1.0 + z * (1.0 - s)) + s * ((1.0 - s) - z * ds));
  }
  return std::nan("");
}

TEST(SignBackward, FollowsThePublishedDerivatives) {
  const TestStream stream;
  std::vector<float> x = random_floats(400, 9, 2.0F);
  x.insert(x.end(), {0.0F, -0.0F, 1.0F, -1.0F, std::nextafter(1.0F, 2.0F), 3.0F, -15.9F, 17.0F, -1e30F});
  const std::vector<float> dy = random_floats(x.size(), 10);
  const auto n = static_cast<std::int64_t>(x.size());
  const auto input = DeviceBuffer<float>::input(x), upstream = DeviceBuffer<float>::input(dy);
  for (const PseudoGradient kind :
       {PseudoGradient::ste_sign, PseudoGradient::approx_sign, PseudoGradient::swish_sign}) {
    auto dx = DeviceBuffer<float>::output(x.size());
    require_ok(sign_backward(upstream.data(), input.data(), n, kind, dx.data(), false, stream.get()));
    stream.synchronize();
    const std::vector<float> first = dx.download();
    require_ok(sign_backward(upstream.data(), input.data(), n, kind, dx.data(), true, stream.get()));
    stream.synchronize();
    const std::vector<float> second = dx.download();
    for (std::size_t i = 0; i < x.size(); ++i) {
      // A hyperbolic pair and ten roundings of swish in float; the others round twice.
      EXPECT_NEAR(first[i], dy[i] * slope(kind, x[i]), 4e-6) << "x = " << x[i];
      EXPECT_EQ(second[i], first[i] + first[i]);
    }
  }
}

TEST(Sign, RunsInAGraph) {
  const TestStream stream;
  const std::vector<float> x = random_floats(size_of(33), 11);
  const auto input = DeviceBuffer<float>::input(x);
  const auto bits = DeviceBuffer<Word>::output(words_of(33)), mask = DeviceBuffer<Word>::output(words_of(33));
  const auto y = DeviceBuffer<float>::output(x.size());
  const auto dx = DeviceBuffer<float>::output(x.size());
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    require_ok(sign(input.data(), kRows, 33, bits.data(), mask.data(), s));
    require_ok(cuda::unpack(bits.data(), kRows, 33, y.data(), s));
    return mask_backward(y.data(), mask.data(), kRows, 33, dx.data(), false, s);
  });
  const std::vector<float> signs = unpack<float>(pack(x, 33), kRows, 33);
  EXPECT_EQ(y.download(), signs);
  EXPECT_EQ(dx.download(), signs);  // |x| < 1 everywhere
}

TEST(Sign, RefusesWhatItCannotWrite) {
  const TestStream stream;
  const auto code = [&](std::int64_t rows) {
    return sign(static_cast<const float*>(nullptr), rows, 4, nullptr, nullptr, stream.get()).code;
  };
  EXPECT_EQ(code(1), StatusCode::invalid_argument);
  EXPECT_EQ(code(-1), StatusCode::invalid_argument);
  EXPECT_EQ(code(0), StatusCode::ok);
  EXPECT_EQ(mask_backward(nullptr, nullptr, 1, 1, nullptr, false, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(cuda::unpack(nullptr, 1, 1, nullptr, stream.get()).code, StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
