// SPDX-License-Identifier: Apache-2.0
// Channels that change their places, and samples that are dropped.
#include <algorithm>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/mixture.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::cpu {
namespace {

/// y[r, c] (+)= f(r * channels + c, c).
template <class F>
void map_rows(const Shape& shape, float* y, GradMode mode, F f) {
  const std::int64_t rows = shape.rows(), channels = shape.channels();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t first = r * channels;
    if (mode == GradMode::overwrite) {
      for (std::int64_t c = 0; c < channels; ++c) {
        y[first + c] = f(first + c, c);
      }
    } else {
      for (std::int64_t c = 0; c < channels; ++c) {
        y[first + c] += f(first + c, c);
      }
    }
  }
}

/// to[i * kGroups + g] (+)= from[g * width + i].
template <int kGroups>
void spread(const float* from, std::int64_t width, float* to, bool add) {
  for (std::int64_t i = 0; i < width; ++i) {
    for (int g = 0; g < kGroups; ++g) {
      float& y = to[i * kGroups + g];
      y = add ? y + from[g * width + i] : from[g * width + i];
    }
  }
}

/// to[i * groups + g] (+)= from[g * kWidth + i].
template <int kWidth>
void gather(const float* from, std::int64_t groups, float* to, bool add) {
  for (std::int64_t g = 0; g < groups; ++g) {
    for (int i = 0; i < kWidth; ++i) {
      float& y = to[i * groups + g];
      y = add ? y + from[g * kWidth + i] : from[g * kWidth + i];
    }
  }
}

}  // namespace

void place_channels(Stream& /*stream*/, const Tensor& dy, std::int64_t begin, Tensor& dx, GradMode mode) {
  expect("place_channels", "dy", dy, DType::f32);
  expect("place_channels", "dx", dx, DType::f32);
  const std::int64_t width = dy.shape().channels(), channels = dx.shape().channels(), rows = dx.shape().rows();
  if (rows != dy.shape().rows() || begin < 0 || begin + width > channels) {
    throw_unexpected("place_channels", "dy", dy, "a slice of " + dx.shape().text() + " at " + std::to_string(begin));
  }
  const bool accumulate = mode == GradMode::accumulate;
  const float* from = dy.data<float>();
  auto* to = dx.data<float>();
  for (std::int64_t r = 0; r < rows; ++r, from += width, to += channels) {
    if (!accumulate) {
      std::fill(to, to + begin, 0.0F);
      std::copy(from, from + width, to + begin);
      std::fill(to + begin + width, to + channels, 0.0F);
      continue;
    }
    for (std::int64_t c = 0; c < width; ++c) {
      to[begin + c] += from[c];
    }
  }
}

void shuffle_channels(Stream& /*stream*/, const Tensor& x, std::int64_t groups, Tensor& y, GradMode mode) {
  expect("shuffle_channels", "x", x, DType::f32);
  expect("shuffle_channels", "y", y, DType::f32, x.shape());
  const std::int64_t channels = x.shape().channels();
  if (groups < 1 || channels % groups != 0) {
    throw_unexpected("shuffle_channels", "x", x, "channels that " + std::to_string(groups) + " divides");
  }
  // Along the longer of both axes, and by a step that is known where it is one of the usual ones.
  const float* from = x.data<float>();
  auto* to = y.data<float>();
  const std::int64_t rows = x.shape().rows(), width = channels / groups;
  const bool add = mode == GradMode::accumulate;
  for (std::int64_t r = 0; r < rows; ++r, from += channels, to += channels) {
    switch (groups < width ? groups : -width) {
      case 2:
        spread<2>(from, width, to, add);
        break;
      case 4:
        spread<4>(from, width, to, add);
        break;
      case -2:
        gather<2>(from, groups, to, add);
        break;
      case -4:
        gather<4>(from, groups, to, add);
        break;
      default:
        for (std::int64_t c = 0; c < channels; ++c) {
          const float v = from[c % groups * width + c / groups];
          to[c] = add ? to[c] + v : v;
        }
    }
  }
}

void drop_samples(Stream& /*stream*/, const Tensor& x, const Tensor& step, std::uint64_t site, float rate, Tensor& y,
                  GradMode mode) {
  expect("drop_samples", "x", x, DType::f32);
  expect("drop_samples", "y", y, DType::f32, x.shape());
  const RandomKey key = step_key(read_step("drop_samples", step), site, RandomPurpose::dropout);
  const std::int64_t samples = x.shape()[0];
  const std::int64_t size = samples == 0 ? 0 : x.numel() / samples;
  const float scale = 1.0F / (1.0F - rate);
  for (std::int64_t n = 0; n < samples; ++n) {
    const float factor = key.uniform(static_cast<std::uint64_t>(n)) >= rate ? scale : 0.0F;
    const float* from = x.data<float>() + n * size;
    map_rows(Shape{1, size}, y.data<float>() + n * size, mode,
             [=](std::int64_t i, std::int64_t) { return from[i] * factor; });
  }
}

}  // namespace bnas::cpu
