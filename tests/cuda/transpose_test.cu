// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/transpose.hpp"

#include <gtest/gtest.h>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Transpose", "host loops, equal");

struct Size {
  int count, rows, columns;
};

// One, around the sides of a tile, several matrices, tiles in both directions.
constexpr Size kSizes[] = {{1, 1, 1}, {2, 31, 33}, {3, 32, 32}, {1, 1, 65}, {2, 65, 1}, {3, 40, 70}};

TEST(Transpose, ExchangesTheLastTwoAxes) {
  const TestStream stream;
  for (const auto& [count, rows, columns] : kSizes) {
    const auto n = static_cast<std::size_t>(count * rows * columns);
    const std::vector<float> x = random_integers<float>(n, 1, 1000);
    std::vector<float> expected(n);
    for (int m = 0; m < count; ++m) {
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < columns; ++c) {
          expected[static_cast<std::size_t>((m * columns + c) * rows + r)] =
              x[static_cast<std::size_t>((m * rows + r) * columns + c)];
        }
      }
    }
    const auto dx = DeviceBuffer<float>::input(x);
    const auto y = DeviceBuffer<float>::output(n);
    capture_and_replay(stream, 1,
                       [&](cudaStream_t s) { return transpose(dx.data(), count, rows, columns, y.data(), s); });
    EXPECT_EQ(y.download(), expected) << count << " of " << rows << "x" << columns;
  }
}

TEST(Transpose, RefusesWhatItCannotDo) {
  const TestStream stream;
  const auto x = DeviceBuffer<float>::input({1.0F});
  const auto y = DeviceBuffer<float>::output(1);
  EXPECT_TRUE(transpose(nullptr, 0, 1, 1, nullptr, stream.get()).ok());
  for (const Status& status :
       {transpose(x.data(), -1, 1, 1, y.data(), stream.get()), transpose(nullptr, 1, 1, 1, y.data(), stream.get()),
        transpose(x.data(), 1, -1, 1, y.data(), stream.get()), transpose(y.data(), 1, 1, 1, y.data(), stream.get())}) {
    EXPECT_EQ(status.code, StatusCode::invalid_argument);
  }
}

}  // namespace
}  // namespace bnas::cuda::test
