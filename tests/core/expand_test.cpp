// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/expand.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using Pixels = std::vector<std::uint8_t>;
using Matrix = std::vector<std::vector<double>>;

Pixels pattern(std::int64_t height, std::int64_t width) {
  Pixels pixels;
  for (std::int64_t i = 0; i < height * width; ++i) {
    pixels.push_back(static_cast<std::uint8_t>(40 + i * 53 % 170));
  }
  return pixels;
}

/// The cubic B-spline (support [-2, 2]).
double basis(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 2.0 / 3.0 - x * x + x * x * x / 2.0 : x < 2.0 ? std::pow(2.0 - x, 3.0) / 6.0 : 0.0;
}

std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  while (n > 1 && (i < 0 || i >= n)) {
    i = i < 0 ? -i : 2 * (n - 1) - i;
  }
  return n == 1 ? 0 : i;
}

/// Weights of the n coefficients at position x: those beyond the ends count for their mirror images.
std::vector<double> weights(double x, std::int64_t n) {
  std::vector<double> out(static_cast<std::size_t>(n));
  const auto first = static_cast<std::int64_t>(std::floor(x));
  for (std::int64_t i = first - 2; i <= first + 3; ++i) {
    out[static_cast<std::size_t>(mirrored(i, n))] += basis(x - static_cast<double>(i));
  }
  return out;
}

/// Coefficients that give `values` at the whole positions: the linear equations, solved by elimination.
std::vector<double> solved(std::vector<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  Matrix a;
  for (std::int64_t i = 0; i < n; ++i) {
    a.push_back(weights(static_cast<double>(i), n));
  }
  for (std::size_t k = 0; k < a.size(); ++k) {  // diagonally dominant: no pivots
    for (std::size_t row = 0; row < a.size(); ++row) {
      if (row != k) {
        const double factor = a[row][k] / a[k][k];
        for (std::size_t c = k; c < a.size(); ++c) {
          a[row][c] -= factor * a[k][c];
        }
        values[row] -= factor * values[k];
      }
    }
  }
  for (std::size_t k = 0; k < a.size(); ++k) {
    values[k] /= a[k][k];
  }
  return values;
}

Pixels rotation_oracle(const Pixels& image, std::int64_t h, std::int64_t w, int degrees, std::uint8_t fill) {
  Matrix rows(static_cast<std::size_t>(h));
  for (std::int64_t y = 0; y < h; ++y) {
    rows[static_cast<std::size_t>(y)] =
        solved({image.begin() + y * w, image.begin() + (y + 1) * w});  // along x, then along y
  }
  for (std::size_t x = 0; x < static_cast<std::size_t>(w); ++x) {
    std::vector<double> column;
    for (const auto& row : rows) {
      column.push_back(row[x]);
    }
    column = solved(column);
    for (std::size_t y = 0; y < rows.size(); ++y) {
      rows[y][x] = column[y];
    }
  }
  const double angle = degrees * std::numbers::pi / 180.0;
  const double my = static_cast<double>(h - 1) / 2.0, mx = static_cast<double>(w - 1) / 2.0;
  Pixels out;
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      const double u = static_cast<double>(y) - my, v = static_cast<double>(x) - mx;
      const double at_y = std::cos(angle) * u + std::sin(angle) * v + my;
      const double at_x = std::cos(angle) * v - std::sin(angle) * u + mx;
      if (at_y < -1e-6 || at_x < -1e-6 || at_y > 2 * my + 1e-6 || at_x > 2 * mx + 1e-6) {
        out.push_back(fill);
        continue;
      }
      const std::vector<double> wy = weights(at_y, h), wx = weights(at_x, w);
      double sum = 0.0;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        for (std::size_t c = 0; c < wx.size(); ++c) {
          sum += wy[r] * wx[c] * rows[r][c];
        }
      }
      out.push_back(static_cast<std::uint8_t>(std::clamp(std::floor(sum + 0.5), 0.0, 255.0)));
    }
  }
  return out;
}

TEST(Expand, RotationIsTheSplineThroughAllPixels) {
  for (const auto& [h, w] : {std::pair(7, 7), std::pair(6, 9), std::pair(2, 3), std::pair(1, 5), std::pair(1, 1)}) {
    const Pixels image = pattern(h, w);
    for (const int degrees : {0, 1, -15, 14, 37, 90, -90, 180, -180}) {
      const Pixels got = rotated(image, h, w, degrees, 3), want = rotation_oracle(image, h, w, degrees, 3);
      for (std::size_t i = 0; i < got.size(); ++i) {
        // 1: a sum within rounding of a half
        ASSERT_NEAR(got[i], want[i], 1) << h << "x" << w << ", " << degrees << " degrees, pixel " << i;
      }
    }
    EXPECT_EQ(rotated(image, h, w, 0, 3), image);
  }
}

TEST(Expand, QuarterTurnsAreExact) {
  constexpr std::int64_t kSide = 5;
  const Pixels image = pattern(kSide, kSide), turned = rotated(image, kSide, kSide, 90, 0);
  for (std::size_t y = 0; y < kSide; ++y) {
    for (std::size_t x = 0; x < kSide; ++x) {
      EXPECT_EQ(turned[y * kSide + x], image[x * kSide + kSide - 1 - y]);
    }
  }
}

/// `count` images of 9x9 with two channels: grey 50 all over, one bright pixel in the middle of the first channel.
Dataset dots(std::int64_t count) {
  Dataset data;
  data.name = "dots";
  data.count = count;
  data.height = data.width = 9;
  data.channels = 2;
  data.classes = 10;
  for (std::int64_t i = 0; i < count; ++i) {
    for (int p = 0; p < 162; ++p) {
      data.pixels.push_back(p == 80 ? 200 : 50);
    }
    data.labels.push_back(static_cast<std::int32_t>(i % 10));
  }
  return data;
}

/// Where the dot of image i is.
std::pair<int, int> dot(const Dataset& data, std::int64_t i) {
  const auto image = data.image(i);
  const auto brightest = std::max_element(image.begin(), image.end()) - image.begin();
  return {static_cast<int>(brightest / 18), static_cast<int>(brightest / 2 % 9)};
}

TEST(Expand, OriginalsStayAndCopiesFollowThem) {
  const Dataset data = dots(20);
  const Dataset out = expanded(data, {.copies = 4}, 7);
  EXPECT_EQ(out.count, 100);
  ASSERT_EQ(out.pixels.size(), 5 * data.pixels.size());
  for (std::int64_t i = 0; i < out.count; ++i) {
    EXPECT_EQ(out.labels[static_cast<std::size_t>(i)], data.labels[static_cast<std::size_t>(i / 5)]);
    if (i % 5 == 0) {
      EXPECT_TRUE(std::ranges::equal(out.image(i), data.image(i / 5)));
    }
  }
  EXPECT_EQ(expanded(data, {.copies = 4}, 7).digest(), out.digest());
  EXPECT_NE(expanded(data, {.copies = 4}, 8).digest(), out.digest());
  EXPECT_EQ(expanded(data, {}, 7).digest(), data.digest());
  // What is drawn for a row does not depend on the others.
  EXPECT_TRUE(std::ranges::equal(expanded(dots(3), {.copies = 4}, 7).pixels, std::span(out.pixels).first(15 * 162)));
}

TEST(Expand, ShiftsReachTheirLimitsAndFillWithTheMedian) {
  for (const bool lopsided : {false, true}) {
    const Dataset out = expanded(dots(100), {.copies = 4, .rotation = 0, .shift = 2, .lopsided = lopsided}, 3);
    std::set<int> rows, columns;
    for (std::int64_t i = 0; i < out.count; ++i) {
      const auto [row, column] = dot(out, i);
      rows.insert(row);
      columns.insert(column);
      EXPECT_EQ(std::ranges::count(out.image(i), 50), 161) << "the median fills what comes from outside";
    }
    const std::set<int> want = lopsided ? std::set{2, 3, 4, 5} : std::set{2, 3, 4, 5, 6};
    EXPECT_EQ(rows, want);
    EXPECT_EQ(columns, want);
  }
}

TEST(Expand, ChannelsTurnTogether) {
  Dataset data = dots(1);
  for (std::size_t i = 1; i < data.pixels.size(); i += 2) {
    data.pixels[i] = data.pixels[i - 1];
  }
  const Dataset out = expanded(data, {.copies = 8}, 5);
  for (std::size_t i = 0; i < out.pixels.size(); i += 2) {
    ASSERT_EQ(out.pixels[i], out.pixels[i + 1]);
  }
}

TEST(Expand, RefusesRulesOutOfRange) {
  for (const ExpandRule& rule : {ExpandRule{.copies = -1}, ExpandRule{.copies = 65},
                                 ExpandRule{.copies = 1, .rotation = 181}, ExpandRule{.copies = 1, .shift = -1}}) {
    EXPECT_EQ(error_of([&] { expanded(dots(1), rule, 1); }).kind(), ErrorKind::usage);
  }
}

}  // namespace
}  // namespace bnas
