// SPDX-License-Identifier: Apache-2.0
// Pixels of batches: positions as mixed-radix numbers, and the classes that strides make of them.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "bnas/portable/dims.hpp"

namespace bnas::cuda {

/// Pixel (y, x) of image n.
struct Pixel {
  int n, y, x;

  /// The pixel at `index`, images of height x width row by row.
  __device__ static Pixel at(int index, int height, int width) {
    const int row = index / width;
    return {row / height, row % height, index % width};
  }
  /// Moves on by at(steps, height, width): an addition with carry instead of divisions.
  __device__ void advance(const Pixel& step, int height, int width) {
    n += step.n, y += step.y, x += step.x;
    if (x >= width) {
      x -= width, ++y;
    }
    if (y >= height) {
      y -= height, ++n;
    }
  }
};

/// The tap is inside the image.
__device__ inline bool inside(int y, int x, int height, int width) {
  return static_cast<unsigned>(y) < static_cast<unsigned>(height) &&
         static_cast<unsigned>(x) < static_cast<unsigned>(width);
}

/// Input pixels along one axis that have the same residue modulo the stride s. Tap k reads pixel i for output o where
/// o s + k - pad == i: all pixels of a class are read by the same taps k0, k0 + s, k0 + 2 s ..., and a step to the
/// next tap is a step of -1 in o. A strided gradient so wastes no product on taps that miss the grid.
struct AxisClass {
  int residue;  ///< of the pixels, which are residue + j * stride for j in [0, count)
  int count;
  int tap;    ///< k0
  int first;  ///< output that pixel j = 0 reaches through k0; pixel j reaches first + j

  __device__ AxisClass(int which, int length, int stride, int pad)
      : residue(which), count((length - which + stride - 1) / stride) {
    const int shifted = which + pad;
    tap = (shifted % stride + stride) % stride;  // pad may be negative
    first = (shifted - tap) / stride;
  }
};

/// The pixels of one of the stride_h * stride_w classes, row by row: a class of rows times a class of columns.
struct PixelClass {
  AxisClass y, x;

  __device__ PixelClass(const Conv2dDims& d, int which)
      : y(which / d.stride_w, d.h, d.stride_h, d.pad_h.begin), x(which % d.stride_w, d.w, d.stride_w, d.pad_w.begin) {}
  __device__ int count(int images) const { return images * y.count * x.count; }
};

/// Pixels of the largest class, which is number 0.
inline std::int64_t largest_class(const Conv2dDims& d) {
  return static_cast<std::int64_t>(d.n) * ((d.h + d.stride_h - 1) / d.stride_h) * ((d.w + d.stride_w - 1) / d.stride_w);
}

/// One pixel of a class: where it is in dx, and the output that its first taps reach.
struct ClassPixel {
  bool exists;
  int n, oy, ox;
  std::int64_t row;  ///< of dx (N*H*W, C)

  __device__ ClassPixel(const PixelClass& pixels, int index, const Conv2dDims& d) {
    exists = index < pixels.count(d.n);
    const Pixel p = Pixel::at(exists ? index : 0, pixels.y.count, pixels.x.count);
    n = p.n;
    oy = pixels.y.first + p.y;
    ox = pixels.x.first + p.x;
    row = (static_cast<std::int64_t>(p.n) * d.h + pixels.y.residue + p.y * d.stride_h) * d.w + pixels.x.residue +
          p.x * d.stride_w;
  }
  /// The row of dy (N*OH*OW, O), images of oh x ow, that the taps `j` and `i` steps behind the first reach; -1 where
  /// there is none.
  __device__ std::int64_t upstream(int j, int i, int oh, int ow) const {
    const int y = oy - j;
    const int x = ox - i;
    return exists && inside(y, x, oh, ow) ? (static_cast<std::int64_t>(n) * oh + y) * ow + x : -1;
  }
};

}  // namespace bnas::cuda
