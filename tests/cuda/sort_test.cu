// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/sort.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("SortedShuffle", "std::sort of Philox numbers, equal") &&
                       testing_support::declare_oracle("TopK", "std::stable_sort, equal");

using Floats = std::vector<float>;
using Ints = std::vector<std::int32_t>;

// One, a warp and its neighbours, and what one block no longer sorts.
const std::int64_t kSizes[] = {1, 31, 32, 33, 1000, 20000};

Ints numbers(std::int64_t n) {
  Ints out(static_cast<std::size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

TEST(SortedShuffle, IsTheOrderOfNumbersThenItems) {
  const TestStream stream;
  for (const std::int64_t n : kSizes) {
    const RandomKey key{5, static_cast<std::uint64_t>(n), RandomPurpose::shuffle};
    std::vector<std::pair<std::uint32_t, std::int32_t>> drawn;
    for (std::int32_t i = 0; i < n; ++i) {
      drawn.emplace_back(key.bits(static_cast<std::uint64_t>(i)), i);
    }
    std::sort(drawn.begin(), drawn.end());
    Ints want;
    for (const auto& [number, item] : drawn) {
      want.push_back(item);
    }
    const auto order = DeviceBuffer<std::int32_t>::output(want.size());
    const ScratchMemory scratch(sort_workspace_bytes(n));
    require_ok(shuffle(key, n, order.data(), scratch.get(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(order.download(), want) << n;
    capture_and_replay(stream, 2, [&](cudaStream_t s) { return shuffle(key, n, order.data(), scratch.get(), s); });
    EXPECT_EQ(order.download(), want) << n;
    EXPECT_TRUE(scratch.is_as_promised());
  }
}

// Ten shuffles of 1000: each place of the first item has probability 1/1000; a mean of 499.5 deviates by 91.
TEST(SortedShuffle, MovesEverythingEverywhere) {
  const TestStream stream;
  const auto order = DeviceBuffer<std::int32_t>::output(1000);
  const ScratchMemory scratch(sort_workspace_bytes(1000));
  double sum = 0.0;
  for (std::uint64_t epoch = 0; epoch < 10; ++epoch) {
    const RandomKey key = RandomKey{1, 2, RandomPurpose::shuffle}.derive(epoch);
    require_ok(shuffle(key, 1000, order.data(), scratch.get(), stream.get()));
    stream.synchronize();
    Ints got = order.download();
    sum += static_cast<double>(std::find(got.begin(), got.end(), 0) - got.begin());
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, numbers(1000));
  }
  EXPECT_NEAR(sum / 10.0, 499.5, 365.0);
}

/// Numbers of scores, the best first, ties by number, NaN last.
Ints ranking(const Floats& scores) {
  Ints order = numbers(static_cast<std::int64_t>(scores.size()));
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = scores[static_cast<std::size_t>(a)], y = scores[static_cast<std::size_t>(b)];
    return std::isnan(x) ? false : std::isnan(y) || x > y;
  });
  return order;
}

void expect_top(const Floats& scores, std::int64_t k) {
  const TestStream stream;
  const auto n = static_cast<std::int64_t>(scores.size());
  const auto device = DeviceBuffer<float>::input(scores);
  const auto indices = DeviceBuffer<std::int32_t>::output(static_cast<std::size_t>(k));
  const auto top = DeviceBuffer<float>::output(static_cast<std::size_t>(k));
  const ScratchMemory scratch(sort_workspace_bytes(n));
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    return top_k(device.data(), n, k, indices.data(), top.data(), scratch.get(), s);
  });
  Ints want = ranking(scores);
  want.resize(static_cast<std::size_t>(k));
  EXPECT_EQ(indices.download(), want);
  const Floats got = top.download();
  for (std::size_t i = 0; i < got.size(); ++i) {  // bit by bit: NaN too
    EXPECT_EQ(std::memcmp(&got[i], &scores[static_cast<std::size_t>(want[i])], sizeof(float)), 0) << i;
  }
}

TEST(TopK, LargestFirstTiesByIndex) {
  for (const std::int64_t n : kSizes) {
    Floats scores = random_floats(static_cast<std::size_t>(n), 1);
    for (float& score : scores) {
      score = std::round(score * 50.0F) / 50.0F;  // 101 different ones
    }
    expect_top(scores, (n + 1) / 2);
    expect_top(scores, n);
  }
}

TEST(TopK, OrdersWhatIsSpecial) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();
  expect_top({kNaN, 0.0F, -0.0F, 1.0F, -kInfinity, -kNaN, kInfinity, -1.0F, 0.0F, 1e-45F, -1e-45F}, 11);
}

TEST(TopK, RefusesWhatItCannotRank) {
  const TestStream stream;
  const auto scores = DeviceBuffer<float>::input({1, 2});
  const auto indices = DeviceBuffer<std::int32_t>::output(2);
  const ScratchMemory scratch(sort_workspace_bytes(2)), none(0);
  const auto code = [&](std::int64_t n, std::int64_t k, const Scratch& memory) {
    return top_k(scores.data(), n, k, indices.data(), nullptr, memory, stream.get()).code;
  };
  EXPECT_EQ(code(2, 3, scratch.get()), StatusCode::invalid_argument);
  EXPECT_EQ(code(-1, 0, scratch.get()), StatusCode::invalid_argument);
  EXPECT_EQ(code(2, 1, none.get()), StatusCode::workspace_too_small);
  EXPECT_EQ(shuffle({}, 2, nullptr, scratch.get(), stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(code(2, 0, none.get()), StatusCode::ok);
}

}  // namespace
}  // namespace bnas::cuda::test
