// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/concat_bits.hpp"

#include <gtest/gtest.h>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("ConcatBits", "bit by bit on the host, equal");

constexpr int kRows = 5;

void expect_side_by_side(const std::vector<int>& widths) {
  int channels = 0;
  for (const int width : widths) {
    channels += width;
  }
  std::vector<float> joined(static_cast<std::size_t>(kRows) * static_cast<std::size_t>(channels));
  std::vector<DeviceBuffer<Word>> buffers;
  std::vector<PackedInput> inputs;
  int begin = 0;
  for (const int width : widths) {
    const std::vector<float> x =
        random_floats(static_cast<std::size_t>(kRows) * static_cast<std::size_t>(width), inputs.size());
    for (int row = 0; row < kRows; ++row) {
      std::copy_n(x.begin() + std::ptrdiff_t{row} * width, width,
                  joined.begin() + std::ptrdiff_t{row} * channels + begin);
    }
    buffers.push_back(DeviceBuffer<Word>::input(width == 0 ? std::vector<Word>() : pack(x, width)));
    inputs.push_back({buffers.back().data(), width});
    begin += width;
  }
  const TestStream stream;
  const std::vector<Word> expected = pack(joined, channels);
  auto y = DeviceBuffer<Word>::output(expected.size());
  const auto concat = [&](cudaStream_t s) {
    return concat_bits(inputs.data(), static_cast<int>(inputs.size()), kRows, y.data(), s);
  };
  require_ok(concat(stream.get()));
  stream.synchronize();
  EXPECT_EQ(y.download(), expected);
  y.reset();
  capture_and_replay(stream, 2, concat);
  EXPECT_EQ(y.download(), expected);
}

// Words that end where inputs end, inputs inside a word, across two, across many, of no channels.
TEST(ConcatBits, JoinsChannels) {
  for (const std::vector<int>& widths : std::vector<std::vector<int>>{
           {1}, {32, 32}, {16, 16, 16}, {31, 1, 33}, {5, 64, 3}, {33, 65, 31, 130}, {7, 0, 9}, {1, 1, 1, 1, 95}}) {
    expect_side_by_side(widths);
  }
}

// More inputs than a launch takes; 16 of them end inside a word, at its end, and in the next one.
TEST(ConcatBits, JoinsManyInputs) {
  expect_side_by_side(std::vector<int>(16, 3));
  expect_side_by_side(std::vector<int>(17, 1));
  expect_side_by_side(std::vector<int>(35, 2));
  expect_side_by_side(std::vector<int>(33, 7));
}

TEST(ConcatBits, RefusesWhatItCannotJoin) {
  const PackedInput missing{nullptr, 4}, negative{nullptr, -1}, empty{nullptr, 0};
  Word y = 0;
  EXPECT_EQ(concat_bits(nullptr, 1, 1, &y, nullptr).code, StatusCode::invalid_argument);
  EXPECT_EQ(concat_bits(&missing, 0, 1, &y, nullptr).code, StatusCode::invalid_argument);
  EXPECT_EQ(concat_bits(&missing, 1, 1, &y, nullptr).code, StatusCode::invalid_argument);
  EXPECT_EQ(concat_bits(&negative, 1, 1, &y, nullptr).code, StatusCode::invalid_argument);
  EXPECT_EQ(concat_bits(&missing, 1, 1, nullptr, nullptr).code, StatusCode::invalid_argument);
  EXPECT_TRUE(concat_bits(&empty, 1, 1, &y, nullptr).ok());
}

}  // namespace
}  // namespace bnas::cuda::test
