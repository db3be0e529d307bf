// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/channels.hpp"

#include <gtest/gtest.h>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("ConcatFloats", "host loops, equal");

constexpr std::size_t kRows = 37;

// One input; vectors of four; no vectors; an empty input; more inputs than a launch takes.
std::vector<std::vector<int>> width_lists() {
  std::vector<std::vector<int>> lists{{5}, {16, 8, 32}, {1, 3, 4, 7}, {4, 0, 12}};
  lists.emplace_back(20, 4);
  lists.back()[18] = 3;
  return lists;
}

TEST(ConcatFloats, PutsInputsSideBySideAndSlicesFindThemAgain) {
  const TestStream stream;
  for (const std::vector<int>& widths : width_lists()) {
    std::vector<DeviceBuffer<float>> buffers;
    std::vector<std::vector<float>> values;
    std::vector<FloatInput> inputs;
    std::size_t channels = 0;
    for (const int width : widths) {
      values.push_back(random_floats(kRows * static_cast<std::size_t>(width), channels));
      buffers.push_back(DeviceBuffer<float>::input(values.back()));
      inputs.push_back({buffers.back().data(), width});
      channels += static_cast<std::size_t>(width);
    }
    std::vector<float> want(kRows * channels);
    std::size_t begin = 0;
    for (std::size_t k = 0; k < widths.size(); ++k) {
      const auto width = static_cast<std::size_t>(widths[k]);
      for (std::size_t i = 0; i < values[k].size(); ++i) {
        want[i / width * channels + begin + i % width] = values[k][i];
      }
      begin += width;
    }
    const auto y = DeviceBuffer<float>::output(want.size());
    capture_and_replay(stream, 2, [&](cudaStream_t s) {
      return concat_floats(inputs.data(), static_cast<int>(inputs.size()), kRows, y.data(), s);
    });
    EXPECT_EQ(y.download(), want);

    std::int64_t first = 0;
    for (std::size_t k = 0; k < widths.size(); ++k) {
      for (const bool accumulate : {false, true}) {
        auto dx = DeviceBuffer<float>::output(values[k].size());
        if (accumulate) {
          dx.upload(std::vector<float>(values[k].size(), 8.0F));
        }
        require_ok(slice_channels(y.data(), kRows, static_cast<std::int64_t>(channels), first, widths[k], dx.data(),
                                  accumulate, stream.get()));
        stream.synchronize();
        std::vector<float> slice = values[k];
        for (float& v : slice) {
          v = accumulate ? 8.0F + v : v;
        }
        EXPECT_EQ(dx.download(), slice) << "input " << k;
      }
      first += widths[k];
    }
  }
}

TEST(ConcatFloats, RefusesWhatItCannotDo) {
  const TestStream stream;
  const auto memory = DeviceBuffer<float>::output(8);
  const FloatInput good{memory.data(), 2}, bad{nullptr, 2};
  EXPECT_EQ(concat_floats(&good, 0, 1, memory.data(), stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(concat_floats(&bad, 1, 1, memory.data(), stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(concat_floats(&good, 1, 1, nullptr, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_TRUE(concat_floats(&good, 1, 0, nullptr, stream.get()).ok());
  EXPECT_EQ(slice_channels(memory.data(), 1, 4, 3, 2, memory.data(), false, stream.get()).code,
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
