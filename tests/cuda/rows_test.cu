// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/rows.hpp"

#include <gtest/gtest.h>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("AddBias", "host loops, equal") &&
                       testing_support::declare_oracle("SumRows", "host loops with exact sums") &&
                       testing_support::declare_oracle("Rows", "host loops with exact sums");

struct Size {
  int rows, columns;
};

// One, around the 32 columns and 32 chains of a block, a batch of ten classes.
constexpr Size kSizes[] = {{1, 1}, {31, 33}, {32, 32}, {33, 31}, {128, 10}, {3, 65}, {100, 1}};

std::vector<float> integers(std::size_t n, std::uint64_t site) { return random_integers<float>(n, site, 100); }

TEST(AddBias, AddsToEveryRowAlsoInPlace) {
  const TestStream stream;
  for (const auto& [rows, columns] : kSizes) {
    const auto n = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
    const std::vector<float> x = integers(n, 1), bias = integers(static_cast<std::size_t>(columns), 2);
    std::vector<float> expected = x;
    for (std::size_t i = 0; i < n; ++i) {
      expected[i] += bias[i % static_cast<std::size_t>(columns)];
    }
    const auto dx = DeviceBuffer<float>::input(x), db = DeviceBuffer<float>::input(bias);
    auto y = DeviceBuffer<float>::output(n);
    require_ok(add_bias(dx.data(), db.data(), rows, columns, y.data(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), expected) << rows << "x" << columns;
    y.upload(x);
    require_ok(add_bias(y.data(), db.data(), rows, columns, y.data(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), expected) << rows << "x" << columns << " in place";
  }
}

// Integers: the sum is exact, in any order.
TEST(SumRows, EqualsTheDefinition) {
  const TestStream stream;
  for (const auto& [rows, columns] : kSizes) {
    const auto width = static_cast<std::size_t>(columns);
    const std::vector<float> x = integers(static_cast<std::size_t>(rows) * width, 3), start = integers(width, 4);
    std::vector<float> sums(width), added = start;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sums[i % width] += x[i];
      added[i % width] += x[i];
    }
    const auto dx = DeviceBuffer<float>::input(x);
    auto y = DeviceBuffer<float>::output(width);
    require_ok(sum_rows(dx.data(), rows, columns, y.data(), false, stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), sums) << rows << "x" << columns;
    y.upload(start);
    require_ok(sum_rows(dx.data(), rows, columns, y.data(), true, stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), added) << rows << "x" << columns << " added";
  }
}

TEST(SumRows, OfNothingIsZero) {
  const TestStream stream;
  const auto y = DeviceBuffer<float>::output(5);
  require_ok(sum_rows(nullptr, 0, 5, y.data(), false, stream.get()));
  stream.synchronize();
  EXPECT_EQ(y.download(), std::vector<float>(5, 0.0F));
}

TEST(Rows, RunInAGraph) {
  const TestStream stream;
  const auto x = DeviceBuffer<float>::input({1, 2, 3, 4, 5, 6}), bias = DeviceBuffer<float>::input({10, 20});
  auto y = DeviceBuffer<float>::output(6), sums = DeviceBuffer<float>::output(2);
  sums.upload({0, 0});
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    const Status status = add_bias(x.data(), bias.data(), 3, 2, y.data(), s);
    return status.ok() ? sum_rows(y.data(), 3, 2, sums.data(), true, s) : status;
  });
  EXPECT_EQ(y.download(), (std::vector<float>{11, 22, 13, 24, 15, 26}));
  EXPECT_EQ(sums.download(), (std::vector<float>{78, 144}));
}

TEST(Rows, RefuseBadArguments) {
  auto* p = reinterpret_cast<float*>(256);
  EXPECT_EQ(add_bias(nullptr, p, 1, 1, p, nullptr).code, StatusCode::invalid_argument);
  EXPECT_EQ(add_bias(p, p, -1, 1, p, nullptr).code, StatusCode::invalid_argument);
  EXPECT_TRUE(add_bias(nullptr, nullptr, 0, 4, nullptr, nullptr).ok());
  EXPECT_EQ(sum_rows(nullptr, 1, 1, p, false, nullptr).code, StatusCode::invalid_argument);
  EXPECT_EQ(sum_rows(p, 1, 1, nullptr, false, nullptr).code, StatusCode::invalid_argument);
  EXPECT_EQ(sum_rows(p, 1, -1, p, false, nullptr).code, StatusCode::invalid_argument);
  EXPECT_TRUE(sum_rows(nullptr, 1, 0, nullptr, false, nullptr).ok());
}

}  // namespace
}  // namespace bnas::cuda::test
