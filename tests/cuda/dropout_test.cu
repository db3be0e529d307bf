// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/dropout.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Dropout", "Philox numbers on the host, equal");

using Floats = std::vector<float>;

constexpr std::uint64_t kSite = 3;
constexpr float kScale = 1.5F;
constexpr StepValues kStep{.random = {7, 1, RandomPurpose::sample}};

/// The key of the definition, spelled out.
RandomKey drop_key() {
  RandomKey key = RandomKey{7, 1, RandomPurpose::sample}.derive(kSite);
  key.purpose = RandomPurpose::dropout;
  return key;
}

const float kRate = drop_key().uniform(1);  // number 1 just reaches it: that element is kept

Floats oracle(const Floats& x, const Floats& before) {
  Floats y = before;
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] += drop_key().uniform(i) >= kRate ? x[i] * kScale : 0.0F;
  }
  return y;
}

// Ends of a vector, a block of 1024 and its neighbours.
TEST(Dropout, KeepsWhatTheNumbersSay) {
  const TestStream stream;
  const auto step = DeviceBuffer<StepValues>::input({kStep});
  for (const std::size_t n : {0, 1, 3, 4, 5, 1023, 1024, 1025, 3000}) {
    const Floats x = random_floats(n, 1), before = random_floats(n, 2);
    const auto d_x = DeviceBuffer<float>::input(x);
    auto y = DeviceBuffer<float>::output(n);
    const auto drop = [&](bool accumulate, const float* from) {
      require_ok(dropout(from, static_cast<std::int64_t>(n), step.data(), kSite, kRate, kScale, y.data(), accumulate,
                         stream.get()));
      stream.synchronize();
    };
    drop(false, d_x.data());
    EXPECT_EQ(y.download(), oracle(x, Floats(n)));
    y.upload(before);
    drop(true, d_x.data());
    EXPECT_EQ(y.download(), oracle(x, before));
    y.upload(x);
    drop(false, y.data());  // in place
    EXPECT_EQ(y.download(), oracle(x, Floats(n)));
  }
}

TEST(Dropout, ReplaysReadTheStepAnew) {
  const TestStream stream;
  auto step = DeviceBuffer<StepValues>::input({StepValues{}});
  const Floats x = random_floats(50, 1);
  const auto d_x = DeviceBuffer<float>::input(x);
  const auto y = DeviceBuffer<float>::output(50);
  step.upload({kStep});
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    return dropout(d_x.data(), 50, step.data(), kSite, kRate, kScale, y.data(), false, s);
  });
  EXPECT_EQ(y.download(), oracle(x, Floats(50)));
  EXPECT_EQ(dropout(d_x.data(), 50, nullptr, kSite, kRate, kScale, y.data(), false, stream.get()).code,
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
