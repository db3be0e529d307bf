// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/fill.hpp"

#include <gtest/gtest.h>

#include "cuda/support/device_buffer.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Fill", "the value itself");

template <class T>
class Fill : public testing::Test {};
using Types = testing::Types<float, Word, std::uint8_t>;
TYPED_TEST_SUITE(Fill, Types);

// Nothing, one, a vector of four and its neighbours, a block and its neighbours, several blocks.
TYPED_TEST(Fill, WritesEveryElementAndNothingElse) {
  const TestStream stream;
  for (const int n : {0, 1, 3, 4, 5, 255, 256, 257, 5000}) {
    const auto y = DeviceBuffer<TypeParam>::output(static_cast<std::size_t>(n));
    require_ok(fill(y.data(), n, TypeParam{77}, stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), std::vector<TypeParam>(static_cast<std::size_t>(n), TypeParam{77})) << n;
  }
}

TYPED_TEST(Fill, WritesFromAnywhere) {
  const TestStream stream;
  auto y = DeviceBuffer<TypeParam>::output(20);
  y.upload(std::vector<TypeParam>(20, TypeParam{1}));
  require_ok(fill(y.data() + 1, 18, TypeParam{2}, stream.get()));  // not aligned to a vector
  stream.synchronize();
  std::vector<TypeParam> want(20, TypeParam{2});
  want.front() = want.back() = TypeParam{1};
  EXPECT_EQ(y.download(), want);
}

TYPED_TEST(Fill, RunsInAGraph) {
  const TestStream stream;
  const auto y = DeviceBuffer<TypeParam>::output(300);
  capture_and_replay(stream, 2, [&](cudaStream_t s) { return fill(y.data(), 300, TypeParam{2}, s); });
  EXPECT_EQ(y.download(), std::vector<TypeParam>(300, TypeParam{2}));
}

TYPED_TEST(Fill, RefusesWhatItCannotWrite) {
  const TestStream stream;
  TypeParam* null = nullptr;
  EXPECT_EQ(fill(null, 1, TypeParam{0}, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(fill(null, -1, TypeParam{0}, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_TRUE(fill(null, 0, TypeParam{0}, stream.get()).ok());
}

}  // namespace
}  // namespace bnas::cuda::test
