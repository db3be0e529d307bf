// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/pixel_grid.hpp"

#include <gtest/gtest.h>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("PixelGrid", "host loops, equal") &&
                       testing_support::declare_oracle("DropSamples", "Philox numbers on the host, equal");

/// Index into the whole of every unit of the part.
std::vector<std::size_t> sources(const PixelGridDims& d, std::size_t units) {
  std::vector<std::size_t> list;
  for (std::int64_t n = 0; n < d.n; ++n) {
    for (std::int64_t y = d.begin_h; y < d.h; y += d.stride) {
      for (std::int64_t x = d.begin_w; x < d.w; x += d.stride) {
        for (std::size_t u = 0; u < units; ++u) {
          list.push_back(static_cast<std::size_t>((n * d.h + y) * d.w + x) * units + u);
        }
      }
    }
  }
  return list;
}

// Odd and even images, a begin of each kind, no gaps at all.
const PixelGridDims kDims[] = {{3, 7, 4, 2, 0, 0}, {3, 7, 4, 2, 1, 1}, {2, 5, 5, 3, 2, 0}, {1, 3, 2, 1, 0, 0}};

template <class T>
void test_moves(std::size_t units) {
  const TestStream stream;
  for (const PixelGridDims& d : kDims) {
    const std::size_t size = static_cast<std::size_t>(d.n * d.h * d.w) * units;
    const std::vector<T> whole = random_integers<T>(size, 1, 100);
    const std::vector<std::size_t> from = sources(d, units);
    ASSERT_EQ(from.size(), static_cast<std::size_t>(d.n * d.grid_h() * d.grid_w()) * units);
    std::vector<T> part(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      part[i] = whole[from[i]];
    }
    const auto d_whole = DeviceBuffer<T>::input(whole);
    const auto d_part = DeviceBuffer<T>::output(part.size());
    const auto bytes = static_cast<std::int64_t>(units * sizeof(T));
    capture_and_replay(stream, 2,
                       [&](cudaStream_t s) { return take_pixels(d_whole.data(), d, bytes, d_part.data(), s); });
    EXPECT_EQ(d_part.download(), part);
    auto back = DeviceBuffer<T>::output(size);
    back.upload(std::vector<T>(size, T{1}));
    require_ok(put_pixels(d_part.data(), d, bytes, back.data(), stream.get()));
    stream.synchronize();
    std::vector<T> want(size, T{1});
    for (std::size_t i = 0; i < from.size(); ++i) {
      want[from[i]] = part[i];
    }
    EXPECT_EQ(back.download(), want);
  }
}

TEST(PixelGrid, MovesPixelsOfEveryWidth) {
  test_moves<float>(5);
  test_moves<std::int8_t>(5);  // no whole number of words
  test_moves<std::int8_t>(8);
  test_moves<std::int16_t>(3);
}

TEST(PixelGrid, AddsFloats) {
  const TestStream stream;
  const PixelGridDims d{2, 5, 4, 2, 1, 0};
  const std::vector<std::size_t> from = sources(d, 3);
  const auto whole = random_integers<float>(2 * 5 * 4 * 3, 1, 50), part = random_integers<float>(from.size(), 2, 50);
  const auto d_whole = DeviceBuffer<float>::input(whole), d_part = DeviceBuffer<float>::input(part);
  auto to_part = DeviceBuffer<float>::output(part.size()), to_whole = DeviceBuffer<float>::output(whole.size());
  to_part.upload(part);
  to_whole.upload(whole);
  require_ok(add_taken_pixels(d_whole.data(), d, 3, to_part.data(), stream.get()));
  require_ok(add_put_pixels(d_part.data(), d, 3, to_whole.data(), stream.get()));
  stream.synchronize();
  std::vector<float> want_part = part, want_whole = whole;
  for (std::size_t i = 0; i < from.size(); ++i) {
    want_part[i] += whole[from[i]];
    want_whole[from[i]] += part[i];
  }
  EXPECT_EQ(to_part.download(), want_part);
  EXPECT_EQ(to_whole.download(), want_whole);
}

TEST(DropSamples, KeepsWhatTheNumbersSay) {
  const TestStream stream;
  constexpr std::uint64_t kSite = 3;
  const auto step = DeviceBuffer<StepValues>::input({StepValues{.random = {7, 1, RandomPurpose::sample}}});
  RandomKey key = RandomKey{7, 1, RandomPurpose::sample}.derive(kSite);
  key.purpose = RandomPurpose::dropout;
  const float rate = key.uniform(2);  // sample 2 just reaches it: kept
  const std::size_t samples = 20, size = 35;
  const auto x = random_floats(samples * size, 1), before = random_floats(samples * size, 2);
  const auto d_x = DeviceBuffer<float>::input(x);
  auto y = DeviceBuffer<float>::output(x.size());
  for (const bool accumulate : {false, true}) {
    y.upload(before);
    require_ok(drop_samples(d_x.data(), samples, size, step.data(), kSite, rate, y.data(), accumulate, stream.get()));
    stream.synchronize();
    const auto got = y.download();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float kept = key.uniform(i / size) >= rate ? x[i] * (1.0F / (1.0F - rate)) : 0.0F;
      EXPECT_EQ(got[i], accumulate ? before[i] + kept : kept) << i;
    }
  }
}

TEST(PixelGrid, RefusesBadArguments) {
  auto* p = reinterpret_cast<float*>(256);
  const auto invalid = StatusCode::invalid_argument;
  EXPECT_EQ(take_pixels(nullptr, {1, 2, 2}, 4, p, nullptr).code, invalid);
  EXPECT_EQ(take_pixels(p, {1, 2, 2, 2, 2, 0}, 4, p, nullptr).code, invalid);
  EXPECT_EQ(put_pixels(p, {1, 2, 2, 0}, 4, p, nullptr).code, invalid);
  EXPECT_EQ(add_taken_pixels(p, {1, 2, 2, 1, 0, 5}, 1, p, nullptr).code, invalid);
  EXPECT_EQ(add_put_pixels(p, {1, 2, 2, 1, 0, 0}, 1, nullptr, nullptr).code, invalid);
  EXPECT_TRUE(take_pixels(nullptr, {0, 2, 2}, 4, nullptr, nullptr).ok());
  const auto* step = reinterpret_cast<const StepValues*>(256);
  EXPECT_EQ(drop_samples(p, 1, 1, nullptr, 0, 0.5F, p, false, nullptr).code, invalid);
  EXPECT_EQ(drop_samples(p, 1, 1, step, 0, 1.0F, p, false, nullptr).code, invalid);
}

}  // namespace
}  // namespace bnas::cuda::test
