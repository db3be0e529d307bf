// SPDX-License-Identifier: Apache-2.0
// Pixels of a grid, moved whole: a pixel is the bytes of its channels, whatever their type.
#include <cstring>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/mixture.hpp"

namespace bnas::cpu {
namespace {

/// Calls visit(pixel of the grid, pixel of the image), counted from 0 over all images.
template <class Visit>
void for_each_pixel(const char* op, const Tensor& image, const PixelGrid& grid, const Tensor& part, Visit visit) {
  const Shape& whole = image.shape();
  const bool rank = whole.rank() == 4 && grid.stride >= 1 && grid.begin_h >= 0 && grid.begin_w >= 0;
  if (!rank || !(part.shape() ==
                 Shape{whole[0], grid.count(whole[1], grid.begin_h), grid.count(whole[2], grid.begin_w), whole[3]})) {
    throw_unexpected(op, "grid's pixels", part, "the pixels of a grid in " + whole.text());
  }
  const std::int64_t h = part.shape()[1], w = part.shape()[2];
  std::int64_t from = 0;
  for (std::int64_t n = 0; n < whole[0]; ++n) {
    for (std::int64_t y = 0; y < h; ++y) {
      const std::int64_t row = (n * whole[1] + grid.begin_h + y * grid.stride) * whole[2] + grid.begin_w;
      for (std::int64_t x = 0; x < w; ++x, ++from) {
        visit(from, row + x * grid.stride);
      }
    }
  }
}

std::size_t pixel_bytes(const Tensor& x) {
  const std::int64_t rows = x.shape().rows();
  return rows == 0 ? 0 : x.bytes() / static_cast<std::size_t>(rows);
}

void move_pixel(const Tensor& x, std::int64_t from, Tensor& y, std::int64_t to, std::size_t bytes, GradMode mode) {
  if (mode == GradMode::overwrite) {
    std::memcpy(static_cast<std::byte*>(y.raw()) + static_cast<std::size_t>(to) * bytes,
                static_cast<const std::byte*>(x.raw()) + static_cast<std::size_t>(from) * bytes, bytes);
    return;
  }
  const std::int64_t channels = x.shape().channels();
  const float* source = x.data<float>() + from * channels;
  float* target = y.data<float>() + to * channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    target[c] += source[c];
  }
}

}  // namespace

void take_pixels(Stream& /*stream*/, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode) {
  expect("take_pixels", "y", y, x.dtype());
  const std::size_t bytes = pixel_bytes(x);
  for_each_pixel("take_pixels", x, grid, y,
                 [&](std::int64_t part, std::int64_t whole) { move_pixel(x, whole, y, part, bytes, mode); });
}

void put_pixels(Stream& /*stream*/, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode) {
  expect("put_pixels", "y", y, x.dtype());
  const std::size_t bytes = pixel_bytes(x);
  for_each_pixel("put_pixels", y, grid, x,
                 [&](std::int64_t part, std::int64_t whole) { move_pixel(x, part, y, whole, bytes, mode); });
}

}  // namespace bnas::cpu
