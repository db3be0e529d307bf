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

/// Moves pixels of x to pixels of y, or adds them.
class PixelMover {
 public:
  PixelMover(const Tensor& x, Tensor& y, GradMode mode)
      : from_(static_cast<const std::byte*>(x.raw())),
        to_(static_cast<std::byte*>(y.raw())),
        bytes_(pixel_bytes(x)),
        mode_(mode) {
    check(mode == GradMode::overwrite || x.dtype() == DType::f32, "move_pixels", "only floats are added");
  }

  void operator()(std::int64_t from, std::int64_t to) const {
    constexpr std::size_t kBlock = 32;  // of a known size, copied without a call
    const std::byte* source = from_ + static_cast<std::size_t>(from) * bytes_;
    std::byte* target = to_ + static_cast<std::size_t>(to) * bytes_;
    if (mode_ == GradMode::accumulate) {
      const auto* values = reinterpret_cast<const float*>(source);
      auto* sums = reinterpret_cast<float*>(target);
      for (std::size_t c = 0; c < bytes_ / sizeof(float); ++c) {
        sums[c] += values[c];
      }
    } else if (bytes_ % kBlock == 0) {
      for (std::size_t i = 0; i < bytes_; i += kBlock) {
        std::memcpy(target + i, source + i, kBlock);
      }
    } else {
      std::memcpy(target, source, bytes_);
    }
  }

 private:
  const std::byte* from_;
  std::byte* to_;
  std::size_t bytes_;
  GradMode mode_;
};

}  // namespace

void take_pixels(Stream& /*stream*/, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode) {
  expect("take_pixels", "y", y, x.dtype());
  const PixelMover move(x, y, mode);
  for_each_pixel("take_pixels", x, grid, y, [&](std::int64_t part, std::int64_t whole) { move(whole, part); });
}

void put_pixels(Stream& /*stream*/, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode) {
  expect("put_pixels", "y", y, x.dtype());
  const PixelMover move(x, y, mode);
  for_each_pixel("put_pixels", y, grid, x, [&](std::int64_t part, std::int64_t whole) { move(part, whole); });
}

}  // namespace bnas::cpu
