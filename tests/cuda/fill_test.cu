// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/fill.hpp"

#include <gtest/gtest.h>

#include "cuda/support/device_buffer.hpp"

namespace bnas::cuda::test {
namespace {

// Nothing, one, a block and its neighbours, several blocks.
TEST(Fill, WritesEveryElementAndNothingElse) {
  const TestStream stream;
  for (const int n : {0, 1, 255, 256, 257, 5000}) {
    const auto y = DeviceBuffer<float>::output(static_cast<std::size_t>(n));
    require_ok(fill(y.data(), n, 1.5F, stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), std::vector<float>(static_cast<std::size_t>(n), 1.5F)) << n;
  }
}

TEST(Fill, RunsInAGraph) {
  const TestStream stream;
  const auto y = DeviceBuffer<float>::output(300);
  capture_and_replay(stream, 2, [&](cudaStream_t s) { return fill(y.data(), 300, -2.0F, s); });
  EXPECT_EQ(y.download(), std::vector<float>(300, -2.0F));
}

TEST(Fill, RefusesWhatItCannotWrite) {
  const TestStream stream;
  EXPECT_EQ(fill(nullptr, 1, 0.0F, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(fill(nullptr, -1, 0.0F, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_TRUE(fill(nullptr, 0, 0.0F, stream.get()).ok());
}

}  // namespace
}  // namespace bnas::cuda::test
