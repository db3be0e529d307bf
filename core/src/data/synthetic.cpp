// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/synthetic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bnas/core/error.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas {
namespace {

// Parts of the random numbers, one for each use.
enum Use : std::uint64_t { kPrototypes, kTrain, kTest };

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 31U;
constexpr std::int64_t kGrid = 4;  // prototypes are interpolated between kGrid x kGrid random bytes

void check_spec(const SyntheticSpec& spec, std::int64_t count) {
  const auto within = [](const char* what, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value < low || value > high) {
      throw Error(ErrorKind::usage, fmt::format("synthetic data: {} is {}, expected {} to {}", what, value, low, high));
    }
  };
  within("height", spec.height, 1, 16'384);
  within("width", spec.width, 1, 16'384);
  within("channels", spec.channels, 1, 1'024);
  within("classes", spec.classes, 2, 256);
  within("noise", spec.noise, 0, 255);
  const std::int64_t images = kMaxBytes / (spec.height * spec.width * spec.channels);  // that fit the limit
  within("classes (prototypes of this size)", spec.classes, 2, images);
  within("count", count, 1, images);
}

// Bilinear interpolation of a kGrid x kGrid grid over `size` places: the left neighbour and its weight of 256.
struct Place {
  std::int64_t cell;
  std::int64_t weight;
};
Place place(std::int64_t i, std::int64_t size) {
  const std::int64_t position = size == 1 ? 0 : i * (kGrid - 1) * 256 / (size - 1);
  const std::int64_t cell = std::min(position / 256, kGrid - 2);
  return {cell, 256 - (position - cell * 256)};
}

// (classes,H,W,C)
std::vector<std::uint8_t> make_prototypes(const SyntheticSpec& spec, const RandomKey& key) {
  std::vector<std::uint8_t> prototypes;
  for (int label = 0; label < spec.classes; ++label) {
    const RandomKey class_key = key.derive(static_cast<std::uint64_t>(label));
    const auto corner = [&](std::int64_t y, std::int64_t x, std::int64_t c) {
      return std::int64_t{class_key.below(static_cast<std::uint64_t>((y * kGrid + x) * spec.channels + c), 256)};
    };
    for (std::int64_t y = 0; y < spec.height; ++y) {
      const Place py = place(y, spec.height);
      for (std::int64_t x = 0; x < spec.width; ++x) {
        const Place px = place(x, spec.width);
        for (std::int64_t c = 0; c < spec.channels; ++c) {
          const auto row = [&](std::int64_t gy) {
            return corner(gy, px.cell, c) * px.weight + corner(gy, px.cell + 1, c) * (256 - px.weight);
          };
          const std::int64_t value = row(py.cell) * py.weight + row(py.cell + 1) * (256 - py.weight);
          prototypes.push_back(static_cast<std::uint8_t>(value / (256 * 256)));
        }
      }
    }
  }
  return prototypes;
}

Dataset make(const SyntheticSpec& spec, std::int64_t count, Use part) {
  check_spec(spec, count);
  const RandomKey key{spec.seed, 0, RandomPurpose::synthetic};
  const std::vector<std::uint8_t> prototypes = make_prototypes(spec, key.derive(kPrototypes));
  const RandomKey part_key = key.derive(part);
  Dataset data;
  data.name = "synthetic";
  data.count = count;
  data.height = spec.height;
  data.width = spec.width;
  data.channels = spec.channels;
  data.classes = spec.classes;
  data.pixels.reserve(static_cast<std::size_t>(count * data.image_bytes()));
  data.labels.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto image = static_cast<std::uint64_t>(i);
    const auto label = static_cast<std::int32_t>(part_key.below(image, static_cast<std::uint32_t>(spec.classes)));
    const RandomKey noise_key = part_key.derive(image);
    const std::uint8_t* prototype = prototypes.data() + label * data.image_bytes();
    Philox4 random{};
    for (std::int64_t p = 0; p < data.image_bytes(); ++p) {
      if (p % 4 == 0) {
        random = noise_key.block(static_cast<std::uint64_t>(p / 4));
      }
      const auto span = 2 * static_cast<std::uint64_t>(spec.noise) + 1;
      const auto noise = static_cast<int>(std::uint64_t{random.v[p % 4]} * span >> 32U) - spec.noise;
      data.pixels.push_back(static_cast<std::uint8_t>(std::clamp(prototype[p] + noise, 0, 255)));
    }
    data.labels.push_back(label);
  }
  return data;
}

}  // namespace

Dataset make_synthetic_train(const SyntheticSpec& spec) { return make(spec, spec.train_count, kTrain); }
Dataset make_synthetic_test(const SyntheticSpec& spec) { return make(spec, spec.test_count, kTest); }

}  // namespace bnas
