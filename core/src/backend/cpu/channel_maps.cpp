// SPDX-License-Identifier: Apache-2.0
// Maps and sums with a number per channel. Plain loops over channels, which compilers turn into vectors: no sum crosses
// channels, so that no width changes a result.
#include <algorithm>
#include <vector>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/mixture.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::cpu {
namespace {

/// Calls visit with the typed data of a number tensor.
template <class Visit>
void with_numbers(const Tensor& x, Visit visit) {
  switch (x.dtype()) {
    case DType::i8:
      return visit(x.data<std::int8_t>());
    case DType::i16:
      return visit(x.data<std::int16_t>());
    case DType::i32:
      return visit(x.data<std::int32_t>());
    default:
      return visit(x.data<float>());
  }
}

/// y[r, c] (+)= f(r * channels + c, c).
template <class F>
void map_rows(const Shape& shape, float* y, GradMode mode, F f) {
  const std::int64_t rows = shape.rows(), channels = shape.channels();
  const bool accumulate = mode == GradMode::accumulate;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t first = r * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      const float value = f(first + c, c);
      y[first + c] = accumulate ? y[first + c] + value : value;
    }
  }
}

/// sums[c] (+)= sum over rows of f(r * channels + c).
template <class F>
void sum_rows_of(const Shape& shape, float* sums, GradMode mode, F f) {
  const std::int64_t rows = shape.rows(), channels = shape.channels();
  std::vector<double> columns(static_cast<std::size_t>(channels), 0.0);
  double* column = columns.data();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t first = r * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      column[c] += f(first + c);
    }
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto sum = static_cast<float>(column[c]);
    sums[c] = mode == GradMode::accumulate ? sums[c] + sum : sum;
  }
}

}  // namespace

void scale_channels(Stream& /*stream*/, const Tensor& x, const Tensor& scale, Tensor& y, GradMode mode) {
  expect_number("scale_channels", "x", x);
  expect("scale_channels", "scale", scale, DType::f32, Shape{x.shape().channels()});
  expect("scale_channels", "y", y, DType::f32, x.shape());
  const float* factors = scale.data<float>();
  with_numbers(x, [&](const auto* values) {
    map_rows(x.shape(), y.data<float>(), mode,
             [=](std::int64_t i, std::int64_t c) { return static_cast<float>(values[i]) * factors[c]; });
  });
}

void dot_channels(Stream& /*stream*/, const Tensor& a, const Tensor& b, Tensor& dot, GradMode mode) {
  expect("dot_channels", "a", a, DType::f32);
  expect_number("dot_channels", "b", b);
  expect("dot_channels", "dot", dot, DType::f32, Shape{a.shape().channels()});
  if (!(a.shape() == b.shape())) {
    throw_unexpected("dot_channels", "b", b, a.shape().text());
  }
  const float* left = a.data<float>();
  with_numbers(b, [&](const auto* right) {
    sum_rows_of(a.shape(), dot.data<float>(), mode,
                [=](std::int64_t i) { return static_cast<double>(left[i]) * static_cast<double>(right[i]); });
  });
}

void prelu(Stream& /*stream*/, const Tensor& x, const Tensor& slope, Tensor& y) {
  expect("prelu", "x", x, DType::f32);
  expect("prelu", "slope", slope, DType::f32, Shape{x.shape().channels()});
  expect("prelu", "y", y, DType::f32, x.shape());
  const float *values = x.data<float>(), *slopes = slope.data<float>();
  map_rows(x.shape(), y.data<float>(), GradMode::overwrite,
           [=](std::int64_t i, std::int64_t c) { return values[i] > 0.0F ? values[i] : slopes[c] * values[i]; });
}

void prelu_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& x, const Tensor& slope, Tensor& dx,
                    GradMode mode) {
  expect("prelu_backward", "x", x, DType::f32);
  expect("prelu_backward", "dy", dy, DType::f32, x.shape());
  expect("prelu_backward", "slope", slope, DType::f32, Shape{x.shape().channels()});
  expect("prelu_backward", "dx", dx, DType::f32, x.shape());
  const float *values = x.data<float>(), *slopes = slope.data<float>(), *upstream = dy.data<float>();
  map_rows(x.shape(), dx.data<float>(), mode,
           [=](std::int64_t i, std::int64_t c) { return values[i] > 0.0F ? upstream[i] : slopes[c] * upstream[i]; });
}

void prelu_slope_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& x, Tensor& dslope, GradMode mode) {
  expect("prelu_slope_backward", "x", x, DType::f32);
  expect("prelu_slope_backward", "dy", dy, DType::f32, x.shape());
  expect("prelu_slope_backward", "dslope", dslope, DType::f32, Shape{x.shape().channels()});
  const float *values = x.data<float>(), *upstream = dy.data<float>();
  sum_rows_of(x.shape(), dslope.data<float>(), mode, [=](std::int64_t i) {
    return values[i] > 0.0F ? 0.0 : static_cast<double>(upstream[i]) * static_cast<double>(values[i]);
  });
}

void place_channels(Stream& /*stream*/, const Tensor& dy, std::int64_t begin, Tensor& dx, GradMode mode) {
  expect("place_channels", "dy", dy, DType::f32);
  expect("place_channels", "dx", dx, DType::f32);
  const std::int64_t width = dy.shape().channels(), channels = dx.shape().channels(), rows = dx.shape().rows();
  if (rows != dy.shape().rows() || begin < 0 || begin + width > channels) {
    throw_unexpected("place_channels", "dy", dy, "a slice of " + dx.shape().text() + " at " + std::to_string(begin));
  }
  const bool accumulate = mode == GradMode::accumulate;
  const float* from = dy.data<float>();
  float* to = dx.data<float>();
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
  std::vector<std::int64_t> source(static_cast<std::size_t>(channels));
  for (std::int64_t c = 0; c < channels; ++c) {
    source[static_cast<std::size_t>(c)] = c % groups * (channels / groups) + c / groups;
  }
  const float* values = x.data<float>();
  map_rows(x.shape(), y.data<float>(), mode,
           [&](std::int64_t i, std::int64_t c) { return values[i - c + source[static_cast<std::size_t>(c)]]; });
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
