// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/pool.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Pool", "host loops over windows, equal");

// Windows that tell mistakes apart: SAME on odd and even images, overlap, gaps between windows, skipped pixels, the
// whole image, one row or column, padding as wide as the window less one tap, more than one tile of 8x8 pixels.
std::vector<Pool2dDims> windows(int c) {
  return {
      {2, 7, 7, c, 3, 3, 2, 2, {1, 1}, {1, 1}},   {1, 4, 5, c, 3, 3, 1, 1, {1, 1}, {1, 1}},
      {1, 4, 4, c, 3, 3, 2, 2, {0, 1}, {0, 1}},   {2, 6, 4, c, 2, 1, 2, 3, {}, {}},
      {1, 6, 6, c, 1, 1, 2, 2, {-1, 1}, {-1, 1}}, {3, 4, 4, c, 4, 4, 1, 1, {}, {}},
      {1, 1, 9, c, 1, 3, 1, 2, {}, {2, 2}},       {1, 9, 1, c, 5, 1, 2, 1, {4, 4}, {}},
      {1, 11, 17, c, 3, 3, 1, 1, {1, 1}, {1, 1}}, {1, 10, 10, c, 3, 3, 4, 4, {}, {}},
  };
}
// Around a quad, and around one and two words.
constexpr int kChannels[] = {1, 4, 6, 31, 32, 33, 64, 66};

/// Calls visit(y index, x indices of the taps inside the image in row-major order).
template <class Visit>
void for_each_window(const Pool2dDims& d, Visit visit) {
  std::size_t out = 0;
  for (int n = 0; n < d.n; ++n) {
    for (int oh = 0; oh < d.oh(); ++oh) {
      for (int ow = 0; ow < d.ow(); ++ow) {
        for (int c = 0; c < d.c; ++c, ++out) {
          std::vector<std::size_t> taps;
          for (int i = 0; i < d.kh; ++i) {
            for (int j = 0; j < d.kw; ++j) {
              const int h = oh * d.stride_h - d.pad_h.begin + i;
              const int w = ow * d.stride_w - d.pad_w.begin + j;
              if (h >= 0 && h < d.h && w >= 0 && w < d.w) {
                taps.push_back(static_cast<std::size_t>(((n * d.h + h) * d.w + w) * d.c + c));
              }
            }
          }
          visit(out, taps);
        }
      }
    }
  }
}

std::size_t input_size(const Pool2dDims& d) {
  return static_cast<std::size_t>(d.n) * static_cast<std::size_t>(d.h * d.w * d.c);
}
std::size_t output_size(const Pool2dDims& d) {
  return static_cast<std::size_t>(d.n) * static_cast<std::size_t>(d.oh() * d.ow() * d.c);
}

std::size_t first_maximum(const std::vector<float>& x, const std::vector<std::size_t>& taps) {
  std::size_t best = taps[0];
  for (const std::size_t tap : taps) {
    best = x[tap] > x[best] ? tap : best;
  }
  return best;
}

/// Values of five kinds, so that most windows hold a maximum twice.
std::vector<float> tied_values(std::size_t n) {
  std::vector<float> x(n);
  const std::vector<int> steps = random_integers<int>(n, 1, 2);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = static_cast<float>(steps[i]) * 0.5F;
  }
  return x;
}

class Pool : public testing::Test {
 protected:
  TestStream stream_;

  /// Calls check(dims) for every window and channel count.
  template <class Check>
  void for_each_case(Check check) const {
    for (const int c : kChannels) {
      for (const Pool2dDims& dims : windows(c)) {
        SCOPED_TRACE(testing::Message() << dims.h << "x" << dims.w << "x" << c << ", window " << dims.kh << "x"
                                        << dims.kw << ", stride " << dims.stride_h << "," << dims.stride_w);
        check(dims);
      }
    }
  }
};

TEST_F(Pool, MaxOfFloatsAndOfBits) {
  for_each_case([&](const Pool2dDims& dims) {
    const std::vector<float> x = random_floats(input_size(dims), 2);
    std::vector<float> want(output_size(dims)), want_signs(want.size()), signs(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      signs[i] = x[i] < 0.2F ? -1.0F : 1.0F;
    }
    for_each_window(dims, [&](std::size_t out, const std::vector<std::size_t>& taps) {
      want[out] = x[first_maximum(x, taps)];
      want_signs[out] = signs[first_maximum(signs, taps)];
    });
    const auto device_x = DeviceBuffer<float>::input(x);
    const auto y = DeviceBuffer<float>::output(want.size());
    const auto bits = DeviceBuffer<Word>::input(pack(signs, dims.c));
    const std::vector<Word> want_bits = pack(want_signs, dims.c);
    const auto y_bits = DeviceBuffer<Word>::output(want_bits.size());
    require_ok(max_pool(device_x.data(), dims, y.data(), stream_.get()));
    require_ok(max_pool(bits.data(), dims, y_bits.data(), stream_.get()));
    stream_.synchronize();
    EXPECT_EQ(y.download(), want);
    EXPECT_EQ(y_bits.download(), want_bits);
  });
}

TEST_F(Pool, MaxRoutesToTheFirstMaximum) {
  // Little shared memory makes tiles shrink to single pixels and quads.
  const MaxPoolPolicy policies[] = {{}, {.tile_h = 3, .tile_w = 5, .shared_bytes = 64}};
  for_each_case([&](const Pool2dDims& dims) {
    const std::vector<float> x = tied_values(input_size(dims)), dy = random_floats(output_size(dims), 3);
    std::vector<float> signs(x.size()), want(x.size(), 1.0F), want_signs(x.size(), 0.0F);
    for (std::size_t i = 0; i < x.size(); ++i) {
      signs[i] = x[i] < 0.75F ? -1.0F : 1.0F;
    }
    for_each_window(dims, [&](std::size_t out, const std::vector<std::size_t>& taps) {
      want[first_maximum(x, taps)] += dy[out];
      want_signs[first_maximum(signs, taps)] += dy[out];
    });
    const auto device_x = DeviceBuffer<float>::input(x);
    const auto device_dy = DeviceBuffer<float>::input(dy);
    const auto bits = DeviceBuffer<Word>::input(pack(signs, dims.c));
    for (const MaxPoolPolicy& policy : policies) {
      auto dx = DeviceBuffer<float>::output(x.size());
      dx.upload(std::vector<float>(x.size(), 1.0F));
      const auto dx_bits = DeviceBuffer<float>::output(x.size());
      require_ok(max_pool_backward(device_dy.data(), device_x.data(), dims, dx.data(), true, stream_.get(), policy));
      require_ok(max_pool_backward(device_dy.data(), bits.data(), dims, dx_bits.data(), false, stream_.get(), policy));
      stream_.synchronize();
      EXPECT_EQ(dx.download(), want);
      EXPECT_EQ(dx_bits.download(), want_signs);
    }
  });
}

TEST_F(Pool, AverageOverTheTapsInside) {
  for_each_case([&](const Pool2dDims& dims) {
    const std::vector<float> x = random_floats(input_size(dims), 4), dy = random_floats(output_size(dims), 5);
    std::vector<float> signs(x.size()), want(dy.size()), want_signs(dy.size()), want_dx(x.size(), 0.5F);
    for (std::size_t i = 0; i < x.size(); ++i) {
      signs[i] = x[i] < 0.0F ? -1.0F : 1.0F;
    }
    for_each_window(dims, [&](std::size_t out, const std::vector<std::size_t>& taps) {
      const auto count = static_cast<float>(taps.size());
      for (const std::size_t tap : taps) {
        want[out] += x[tap];
        want_signs[out] += signs[tap];
        want_dx[tap] += dy[out] / count;
      }
      want[out] /= count;
      want_signs[out] /= count;
    });
    const auto device_x = DeviceBuffer<float>::input(x);
    const auto bits = DeviceBuffer<Word>::input(pack(signs, dims.c));
    const auto device_dy = DeviceBuffer<float>::input(dy);
    const auto y = DeviceBuffer<float>::output(dy.size());
    const auto y_of_bits = DeviceBuffer<float>::output(dy.size());
    auto dx = DeviceBuffer<float>::output(x.size());
    dx.upload(std::vector<float>(x.size(), 0.5F));
    require_ok(avg_pool(device_x.data(), dims, y.data(), stream_.get()));
    require_ok(avg_pool(bits.data(), dims, y_of_bits.data(), stream_.get()));
    require_ok(avg_pool_backward(device_dy.data(), dims, dx.data(), true, stream_.get()));
    stream_.synchronize();
    EXPECT_EQ(y.download(), want);  // the order of sums is fixed
    EXPECT_EQ(y_of_bits.download(), want_signs);
    EXPECT_EQ(dx.download(), want_dx);
  });
}

TEST_F(Pool, WritesZeroWhereNoWindowReaches) {
  const Pool2dDims dims{1, 5, 5, 3, 1, 1, 3, 3, {}, {}};
  const auto dy = DeviceBuffer<float>::input(std::vector<float>(output_size(dims), 1.0F));
  const auto x = DeviceBuffer<float>::input(std::vector<float>(input_size(dims), 1.0F));
  const auto of_max = DeviceBuffer<float>::output(input_size(dims));
  const auto of_average = DeviceBuffer<float>::output(input_size(dims));
  require_ok(max_pool_backward(dy.data(), x.data(), dims, of_max.data(), false, stream_.get()));
  require_ok(avg_pool_backward(dy.data(), dims, of_average.data(), false, stream_.get()));
  stream_.synchronize();
  std::vector<float> want(input_size(dims), 0.0F);
  for_each_window(dims, [&](std::size_t, const std::vector<std::size_t>& taps) { want[taps[0]] = 1.0F; });
  EXPECT_EQ(of_max.download(), want);
  EXPECT_EQ(of_average.download(), want);
}

TEST_F(Pool, NotANumberWinsOnlyAsTheFirstTap) {
  const Pool2dDims dims{2, 1, 2, 1, 1, 2, 1, 1, {}, {}};
  const auto x = DeviceBuffer<float>::input({NAN, 5.0F, 5.0F, NAN});
  const auto y = DeviceBuffer<float>::output(2);
  require_ok(max_pool(x.data(), dims, y.data(), stream_.get()));
  stream_.synchronize();
  EXPECT_TRUE(std::isnan(y.download()[0]));
  EXPECT_EQ(y.download()[1], 5.0F);
}

TEST_F(Pool, RunsInAGraph) {
  const Pool2dDims dims{1, 8, 8, 8, 2, 2, 2, 2, {}, {}};
  const std::vector<float> x = random_floats(input_size(dims), 6), dy = random_floats(output_size(dims), 7);
  const auto device_x = DeviceBuffer<float>::input(x);
  const auto device_dy = DeviceBuffer<float>::input(dy);
  const auto y = DeviceBuffer<float>::output(dy.size());
  const auto dx = DeviceBuffer<float>::output(x.size());
  capture_and_replay(stream_, 2, [&](cudaStream_t s) {
    require_ok(max_pool(device_x.data(), dims, y.data(), s));
    require_ok(avg_pool_backward(device_dy.data(), dims, dx.data(), false, s));
    return max_pool_backward(device_dy.data(), device_x.data(), dims, dx.data(), true, s);
  });
  std::vector<float> want(x.size(), 0.0F);
  for_each_window(dims, [&](std::size_t out, const std::vector<std::size_t>& taps) {
    for (const std::size_t tap : taps) {
      want[tap] += dy[out] / 4.0F;
    }
    want[first_maximum(x, taps)] += dy[out];
  });
  EXPECT_EQ(dx.download(), want);
}

TEST_F(Pool, RefusesWindowsOutsideTheImage) {
  const auto memory = DeviceBuffer<float>::output(64);
  float* data = memory.data();
  const Pool2dDims outside{1, 2, 2, 1, 2, 2, 1, 1, {2, 0}, {}};
  EXPECT_EQ(max_pool(data, outside, data, stream_.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(avg_pool_backward(data, outside, data, false, stream_.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(avg_pool(static_cast<const float*>(nullptr), {}, data, stream_.get()).code, StatusCode::invalid_argument);
  const Pool2dDims wide{1, 512, 512, 1, 512, 512, 1, 1, {}, {}};
  EXPECT_EQ(max_pool_backward(data, data, wide, data, false, stream_.get()).code, StatusCode::unsupported);
}

}  // namespace
}  // namespace bnas::cuda::test
