// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/gather_batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/color_oracle.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("GatherBatch", "host loops pixel by pixel, equal") &&
                       testing_support::declare_oracle("AdvanceStep", "the schedule on the host, equal");

using Floats = std::vector<float>;
using Ints = std::vector<std::int32_t>;

/// Six images on the device, an order that starts before the batch, and room for a batch of five.
struct Case {
  int h, w, c;
  std::vector<std::uint8_t> images;
  Ints labels = {9, 8, 7, 6, 5, 4}, order = {0, 0, 5, 1, 3, 3, 0};
  StepValues values{.first_row = 2, .random = {3, 4, RandomPurpose::sample}};
  DeviceBuffer<std::uint8_t> d_images;
  DeviceBuffer<std::int32_t> d_labels, d_order;
  DeviceBuffer<StepValues> step;
  DeviceBuffer<float> batch;
  DeviceBuffer<std::int32_t> batch_labels;
  DeviceBuffer<DeviceError> error = DeviceBuffer<DeviceError>::input({DeviceError{}});

  Case(int height, int width, int channels)
      : h(height),
        w(width),
        c(channels),
        images(bytes()),
        d_images(DeviceBuffer<std::uint8_t>::input(images)),
        d_labels(DeviceBuffer<std::int32_t>::input(labels)),
        d_order(DeviceBuffer<std::int32_t>::input(order)),
        step(DeviceBuffer<StepValues>::input({values})),
        batch(DeviceBuffer<float>::output(5 * image_size())),
        batch_labels(DeviceBuffer<std::int32_t>::output(5)) {}

  std::size_t image_size() const { return static_cast<std::size_t>(h * w * c); }
  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> out(6 * image_size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::uint8_t>(1 + i * 37 % 255);
    }
    out.front() = 0;
    out.back() = 255;
    return out;
  }
  Status gather(const BatchRule& rule, cudaStream_t stream) const {
    const ByteImages data{d_images.data(), d_labels.data(), 6, h, w, c};
    return gather_batch(data, {d_order.data(), 7, step.data()}, rule, 5, batch.data(), batch_labels.data(),
                        error.data(), stream);
  }
  float value(int image, int y, int x, int channel) const {
    return static_cast<float>(images[static_cast<std::size_t>(((image * h + y) * w + x) * c + channel)]) / 127.5F -
           1.0F;
  }
  /// Pixel by pixel, where nothing is turned or enlarged: cut, then outside, then a pixel of the image, flipped.
  Floats oracle(const AugmentRule& rule) const {
    RandomKey key = RandomKey{3, 4, RandomPurpose::sample}.derive(0);
    key.purpose = RandomPurpose::augment;
    Floats out;
    for (std::size_t b = 0; b < 5; ++b) {
      const int image = order[2 + b];
      const Augmentation a = augmentation(rule, key, static_cast<std::uint64_t>(image), h, w);
      for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
          for (int channel = 0; channel < c; ++channel) {
            const int row = y + a.dy, moved = x + a.dx, column = a.flip ? w - 1 - moved : moved;
            const bool cut = y >= a.cut_top && y < a.cut_bottom && x >= a.cut_left && x < a.cut_right;
            const bool outside = row < 0 || row >= h || moved < 0 || moved >= w;
            out.push_back(cut ? 0.0F : outside ? -1.0F : value(image, row, column, channel));
          }
        }
      }
    }
    return out;
  }
};

// One value, vectors of four, tails, and more values than a block takes: 1027 of 1024 (identity), 256 (augmented).
const int kShapes[][3] = {{1, 1, 1}, {2, 2, 3}, {3, 5, 1}, {3, 5, 3}, {79, 13, 1}};

TEST(GatherBatch, NormalizesTheRowsOfTheStep) {
  const TestStream stream;
  for (const auto& [h, w, c] : kShapes) {
    const Case it(h, w, c);
    capture_and_replay(stream, 2, [&](cudaStream_t s) { return it.gather({}, s); });
    EXPECT_EQ(it.batch.download(), it.oracle({}));
    EXPECT_EQ(it.batch_labels.download(), (Ints{4, 8, 6, 6, 9}));
    EXPECT_EQ(it.error.download()[0].op, IndexCheck::none);
  }
}

TEST(GatherBatch, Augments) {
  const TestStream stream;
  for (const auto& [h, w, c] : kShapes) {
    for (const AugmentRule& rule :
         {AugmentRule{2, false, 0}, AugmentRule{0, true, 0}, AugmentRule{0, false, 3}, AugmentRule{1, true, 2}}) {
      const Case it(h, w, c);
      capture_and_replay(stream, 2, [&](cudaStream_t s) { return it.gather({rule}, s); });
      EXPECT_EQ(it.batch.download(), it.oracle(rule));
      EXPECT_EQ(it.batch_labels.download(), (Ints{4, 8, 6, 6, 9}));
    }
  }
}

// The host computes the same bits; tests/portable/ compares it with float64.
TEST(GatherBatch, TurnsAndEnlargesAsTheHostDoes) {
  const TestStream stream;
  for (const auto& [h, w, c] : kShapes) {
    const BatchRule rule{{.shift = 1, .flip = true, .cutout = 2, .rotation = 45, .crop = 60}, 2.0F};
    const Case it(h, w, c);
    capture_and_replay(stream, 2, [&](cudaStream_t s) { return it.gather(rule, s); });
    RandomKey key = it.values.random.derive(0);
    key.purpose = RandomPurpose::augment;
    Floats want;
    for (std::size_t b = 0; b < 5; ++b) {
      const int image = it.order[2 + b];
      const Augmentation a = augmentation(rule.augment, key, static_cast<std::uint64_t>(image), h, w);
      for (int i = 0; i < h * w * c; ++i) {
        const int y = i / c / w, x = i / c % w;
        const std::uint8_t* source = it.images.data() + image * h * w * c + i % c;
        const float pixel = static_cast<float>(a.pixel(y, x, h, w, source, c)) / 65536.0F;
        want.push_back((a.is_cut(y, x) ? 127.5F : pixel) / 127.5F - 2.0F);
      }
    }
    EXPECT_EQ(it.batch.download(), want);
  }
}

// Of three channels all four changes, of one brightness and contrast.
TEST(GatherBatch, ChangesColors) {
  const TestStream stream;
  for (const auto& [h, w, c] : kShapes) {
    const AugmentRule rule{.flip = true, .brightness = 40, .contrast = 60, .saturation = 80, .hue = 30};
    const Case it(h, w, c);
    capture_and_replay(stream, 2, [&](cudaStream_t s) { return it.gather({rule}, s); });
    RandomKey key = it.values.random.derive(0);
    key.purpose = RandomPurpose::augment;
    const Floats got = it.batch.download();
    for (std::size_t b = 0; b < 5; ++b) {
      const int image = it.order[2 + b];
      const Augmentation a = augmentation(rule, key, static_cast<std::uint64_t>(image), h, w);
      const bnas::test::Colors colors{a.color.brightness / 65536.0, a.color.contrast / 65536.0,
                                      a.color.saturation / 65536.0, a.color.hue / 65536.0};
      for (int i = 0; i < h * w; ++i) {
        const int column = a.flip ? w - 1 - i % w : i % w;
        std::array<double, 3> rgb{};
        for (int channel = 0; channel < 3; ++channel) {  // a channel alone is a grey, which has no hue
          rgb[static_cast<std::size_t>(channel)] =
              127.5 * (1.0 + static_cast<double>(it.value(image, i / w, column, c == 3 ? channel : 0)));
        }
        const std::array<double, 3> want = bnas::test::recolored(colors, rgb);
        for (int channel = 0; channel < c; ++channel) {
          const std::size_t at =
              (b * static_cast<std::size_t>(h * w) + static_cast<std::size_t>(i)) * static_cast<std::size_t>(c);
          ASSERT_NEAR(got[at + static_cast<std::size_t>(channel)],
                      want[static_cast<std::size_t>(channel)] / 127.5 - 1.0, bnas::test::kColorTolerance / 127.5)
              << h << "x" << w << "x" << c << ", image " << image << ", pixel " << i;
        }
      }
    }
  }
}

TEST(GatherBatch, RefusesRulesOutOfRange) {
  const TestStream stream;
  const Case it(2, 2, 1);
  for (const AugmentRule& rule :
       {AugmentRule{.shift = -1}, AugmentRule{.cutout = -1}, AugmentRule{.rotation = 181}, AugmentRule{.rotation = -1},
        AugmentRule{.crop = 91}, AugmentRule{.crop = -1}, AugmentRule{.brightness = 101}, AugmentRule{.contrast = -1},
        AugmentRule{.saturation = 101}, AugmentRule{.hue = 51}}) {
    EXPECT_EQ(it.gather({rule}, stream.get()).code, StatusCode::invalid_argument);
  }
}

TEST(GatherBatch, WithoutAStepBeginsAtRowZero) {
  const TestStream stream;
  const Case it(1, 2, 1);
  const ByteImages data{it.d_images.data(), it.d_labels.data(), 6, 1, 2, 1};
  const BatchRows rows{it.d_order.data(), 7, nullptr};
  require_ok(gather_batch(data, rows, {}, 5, it.batch.data(), it.batch_labels.data(), nullptr, stream.get()));
  stream.synchronize();
  EXPECT_EQ(it.batch_labels.download(), (Ints{9, 9, 4, 8, 6}));
  EXPECT_EQ(
      gather_batch(data, rows, {{.shift = 1}}, 5, it.batch.data(), it.batch_labels.data(), nullptr, stream.get()).code,
      StatusCode::invalid_argument);
}

void expect_error(const Case& it, IndexCheck op, int position, int value, int limit) {
  const DeviceError error = it.error.download()[0];
  EXPECT_EQ(error.op, op);
  EXPECT_EQ(error.position, position);
  EXPECT_EQ(error.value, value);
  EXPECT_EQ(error.limit, limit);
}

TEST(GatherBatch, NotesAnImageThatDoesNotExist) {
  const TestStream stream;
  for (const bool augmented : {false, true}) {
    for (const std::int32_t bad : {6, -1}) {
      Case it(2, 2, 1);
      Ints order = it.order;
      order[4] = bad;
      it.d_order.upload(order);
      const AugmentRule rule{augmented ? 1 : 0};
      require_ok(it.gather({rule}, stream.get()));
      stream.synchronize();
      Floats want = it.oracle(rule);
      std::fill(want.begin() + 8, want.begin() + 12, 0.0F);
      EXPECT_EQ(it.batch.download(), want);
      EXPECT_EQ(it.batch_labels.download(), (Ints{4, 8, -1, 6, 9}));
      expect_error(it, IndexCheck::gather_batch, 4, bad, 6);
    }
  }
}

TEST(GatherBatch, NotesARowBeyondTheOrder) {
  const TestStream stream;
  Case it(2, 2, 1);
  it.step.upload({StepValues{.first_row = 3}});
  require_ok(it.gather({}, stream.get()));
  stream.synchronize();
  EXPECT_EQ(it.batch_labels.download(), (Ints{8, 6, 6, 9, -1}));
  expect_error(it, IndexCheck::gather_batch, 7, 7, 7);
}

TEST(AdvanceStep, TakesTheValuesInTurnAndStopsAtTheEnd) {
  const TestStream stream;
  const std::vector<StepValues> steps = {{.lr = 1.0F, .bias_correction = 0.5, .first_row = 5},
                                         {.lr = 2.0F, .first_row = 6, .random = {1, 2, RandomPurpose::split}}};
  const auto table = DeviceBuffer<StepValues>::input(steps);
  auto counter = DeviceBuffer<std::int32_t>::output(1);
  counter.upload({0});
  const auto current = DeviceBuffer<StepValues>::output(1);
  const auto error = DeviceBuffer<DeviceError>::input({DeviceError{}});
  const auto advance = [&](cudaStream_t s) {
    return advance_step(table.data(), 2, counter.data(), current.data(), error.data(), s);
  };
  for (int i = 1; i <= 3; ++i) {
    capture_and_replay(stream, 1, advance);
    const StepValues got = current.download()[0];
    const StepValues& want = steps[static_cast<std::size_t>(std::min(i, 2) - 1)];
    EXPECT_EQ(got.lr, want.lr);
    EXPECT_EQ(got.bias_correction, want.bias_correction);
    EXPECT_EQ(got.first_row, want.first_row);
    EXPECT_EQ(got.random.stream, want.random.stream);
    EXPECT_EQ(counter.download()[0], std::min(i, 2));
    EXPECT_EQ(error.download()[0].op, i < 3 ? IndexCheck::none : IndexCheck::advance_step);
  }
  EXPECT_EQ(error.download()[0].value, 2);
  EXPECT_EQ(advance_step(nullptr, 2, counter.data(), current.data(), nullptr, stream.get()).code,
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
