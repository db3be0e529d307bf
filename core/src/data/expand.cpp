// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/expand.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bnas/core/error.hpp"
#include "bnas/portable/augment.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas {
namespace {

/// Coefficients of the cubic B-spline through `n` values, `stride` apart, in place: a causal and an anticausal
/// recursion with the pole sqrt(3) - 2 (Unser, Aldroubi, Eden 1993), mirrored at both ends.
void spline_coefficients(double* values, std::int64_t n, std::int64_t stride) {
  if (n < 2) {
    return;
  }
  const double pole = std::sqrt(3.0) - 2.0;
  const auto at = [&](std::int64_t i) -> double& { return values[i * stride]; };
  double power = pole, sum = at(0), reversed = 0.0;  // the causal start: the whole mirrored signal, summed exactly
  const double last = std::pow(pole, static_cast<double>(n - 1));
  for (std::int64_t i = 1; i < n - 1; ++i, power *= pole) {
    sum += power * at(i);
    reversed += last * last / power * at(i);
  }
  at(0) = (sum + last * at(n - 1) + reversed) / (1.0 - last * last);
  for (std::int64_t i = 1; i < n; ++i) {
    at(i) += pole * at(i - 1);
  }
  at(n - 1) = pole / (pole * pole - 1.0) * (at(n - 1) + pole * at(n - 2));
  for (std::int64_t i = n - 2; i >= 0; --i) {
    at(i) = pole * (at(i + 1) - at(i));
  }
  for (std::int64_t i = 0; i < n; ++i) {
    at(i) *= 6.0;
  }
}

/// The four coefficients around position x of an axis of n, and their weights.
struct Taps {
  std::array<std::int64_t, 4> index;
  std::array<double, 4> weight;

  Taps(double x, std::int64_t n) {
    const auto first = static_cast<std::int64_t>(std::floor(x));
    const double t = x - static_cast<double>(first), s = 1.0 - t;
    weight = {s * s * s / 6.0, (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0, (4.0 - 6.0 * s * s + 3.0 * s * s * s) / 6.0,
              t * t * t / 6.0};
    for (std::int64_t k = 0; k < 4; ++k) {
      index[static_cast<std::size_t>(k)] = mirrored(first - 1 + k, n);
    }
  }

  static std::int64_t mirrored(std::int64_t i, std::int64_t n) {
    if (n == 1) {
      return 0;
    }
    const std::int64_t period = 2 * (n - 1);
    const std::int64_t wrapped = ((i % period) + period) % period;
    return std::min(wrapped, period - wrapped);
  }
};

std::uint8_t median_of(std::vector<std::uint8_t> pixels) {
  const std::size_t middle = pixels.size() / 2;
  std::nth_element(pixels.begin(), pixels.begin() + static_cast<std::ptrdiff_t>(middle), pixels.end());
  const int upper = pixels[middle];
  if (pixels.size() % 2 == 1) {
    return static_cast<std::uint8_t>(upper);
  }
  const int lower = *std::max_element(pixels.begin(), pixels.begin() + static_cast<std::ptrdiff_t>(middle));
  return static_cast<std::uint8_t>((lower + upper) / 2);
}

/// Pixel (y, x) comes from (y - down, x - right).
void moved(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width, std::int64_t down,
           std::int64_t right, std::uint8_t fill, std::uint8_t* out, std::int64_t stride) {
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x, out += stride) {
      const std::int64_t row = y - down, column = x - right;
      const bool inside = row >= 0 && row < height && column >= 0 && column < width;
      *out = inside ? image[static_cast<std::size_t>(row * width + column)] : fill;
    }
  }
}

/// Uniform in [-limit, limit], or in [-limit, limit) where the rule is lopsided.
int drawn(const RandomKey& key, std::uint64_t index, int limit, bool lopsided) {
  const int count = std::max(1, 2 * limit + (lopsided ? 0 : 1));
  return static_cast<int>(key.below(index, static_cast<std::uint32_t>(count))) - limit;
}

void append_copy(const Dataset& from, std::int64_t row, const ExpandRule& rule, const RandomKey& key, Dataset& to) {
  const std::span<const std::uint8_t> image = from.image(row);
  const std::uint8_t fill = median_of({image.begin(), image.end()});
  const int degrees = drawn(key, 0, rule.rotation, rule.lopsided);
  const int down = drawn(key, 1, rule.shift, rule.lopsided), right = drawn(key, 2, rule.shift, rule.lopsided);
  const std::size_t begin = to.pixels.size();
  to.pixels.resize(begin + image.size());
  std::vector<std::uint8_t> channel(image.size() / static_cast<std::size_t>(from.channels));
  for (std::int64_t c = 0; c < from.channels; ++c) {
    for (std::size_t i = 0; i < channel.size(); ++i) {
      channel[i] = image[i * static_cast<std::size_t>(from.channels) + static_cast<std::size_t>(c)];
    }
    moved(rotated(channel, from.height, from.width, degrees, fill), from.height, from.width, down, right, fill,
          to.pixels.data() + begin + c, from.channels);
  }
  to.labels.push_back(from.labels[static_cast<std::size_t>(row)]);
}

}  // namespace

std::vector<std::uint8_t> rotated(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                                  int degrees, std::uint8_t fill) {
  std::vector<double> spline(image.begin(), image.end());
  for (std::int64_t x = 0; x < width; ++x) {
    spline_coefficients(spline.data() + x, height, width);
  }
  for (std::int64_t y = 0; y < height; ++y) {
    spline_coefficients(spline.data() + y * width, width, 1);
  }
  // Angles from whole numbers: the same on every machine.
  const double cosine = static_cast<double>(augment::cosine(degrees * augment::kDegree)) / augment::kUnit;
  const double sine = static_cast<double>(augment::sine(degrees * augment::kDegree)) / augment::kUnit;
  const double middle_y = static_cast<double>(height - 1) / 2.0, middle_x = static_cast<double>(width - 1) / 2.0;
  constexpr double kSlack = 1e-6;  // a quarter turn ends on the outer pixels, not just beyond them
  const auto inside = [&](double at, std::int64_t n) {
    return at >= -kSlack && at <= static_cast<double>(n - 1) + kSlack;
  };
  std::vector<std::uint8_t> out;
  out.reserve(image.size());
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const double u = static_cast<double>(y) - middle_y, v = static_cast<double>(x) - middle_x;
      const double at_y = cosine * u + sine * v + middle_y, at_x = cosine * v - sine * u + middle_x;
      if (!inside(at_y, height) || !inside(at_x, width)) {
        out.push_back(fill);
        continue;
      }
      const Taps rows(at_y, height), columns(at_x, width);
      double sum = 0.0;
      for (std::size_t r = 0; r < 4; ++r) {
        double line = 0.0;
        for (std::size_t c = 0; c < 4; ++c) {
          line += columns.weight[c] * spline[static_cast<std::size_t>(rows.index[r] * width + columns.index[c])];
        }
        sum += rows.weight[r] * line;
      }
      out.push_back(static_cast<std::uint8_t>(std::clamp(std::floor(sum + 0.5), 0.0, 255.0)));
    }
  }
  return out;
}

Dataset expanded(const Dataset& data, const ExpandRule& rule, std::uint64_t seed) {
  constexpr int kMostCopies = 64, kMostShift = 16'384;
  if (rule.copies < 0 || rule.copies > kMostCopies || rule.rotation < 0 || rule.rotation > 180 || rule.shift < 0 ||
      rule.shift > kMostShift) {
    throw Error(ErrorKind::usage,
                fmt::format("expansion: copies {} must be 0 to {}, rotation {} 0 to 180, shift {} 0 to {}", rule.copies,
                            kMostCopies, rule.rotation, rule.shift, kMostShift));
  }
  if (data.count > std::numeric_limits<std::int32_t>::max() / (1 + rule.copies)) {
    throw Error(ErrorKind::usage, fmt::format("{} images of {} with {} copies each are more than 2^31 - 1", data.count,
                                              data.name, rule.copies));
  }
  if (rule.copies == 0) {
    return data;
  }
  Dataset out = data;
  out.pixels.clear();
  out.labels.clear();
  out.count = data.count * (1 + rule.copies);
  out.pixels.reserve(static_cast<std::size_t>(out.count * data.image_bytes()));
  const RandomKey key{seed, 0, RandomPurpose::expand};
  for (std::int64_t row = 0; row < data.count; ++row) {
    const std::span<const std::uint8_t> image = data.image(row);
    out.pixels.insert(out.pixels.end(), image.begin(), image.end());
    out.labels.push_back(data.labels[static_cast<std::size_t>(row)]);
    const RandomKey row_key = key.derive(static_cast<std::uint64_t>(row));
    for (int copy = 0; copy < rule.copies; ++copy) {
      append_copy(data, row, rule, row_key.derive(static_cast<std::uint64_t>(copy)), out);
    }
  }
  return out;
}

}  // namespace bnas
