// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "bnas/core/kernels/pool.hpp"

namespace bnas::cpu {

/// The taps of one window that lie inside the image: pixels [begin, end) along one axis.
struct Taps {
  int begin, end;
};

inline Taps taps_inside(int out, int length, int kernel, int stride, AxisPad pad) {
  const int first = out * stride - pad.begin;
  return {std::max(first, 0), std::min(first + kernel, length)};
}

/// Calls f(y_pixel, x_image, rows, columns) for all windows in row-major order: pixel index in y, first pixel of the
/// image in x, and the taps inside the image.
template <class F>
inline void for_each_window(const Pool2dDims& dims, const F& f) {
  const std::int64_t image = static_cast<std::int64_t>(dims.h) * dims.w;
  std::int64_t y_pixel = 0;
  for (int n = 0; n < dims.n; ++n) {
    for (int oh = 0; oh < dims.oh(); ++oh) {
      const Taps rows = taps_inside(oh, dims.h, dims.kh, dims.stride_h, dims.pad_h);
      for (int ow = 0; ow < dims.ow(); ++ow, ++y_pixel) {
        f(y_pixel, n * image, rows, taps_inside(ow, dims.w, dims.kw, dims.stride_w, dims.pad_w));
      }
    }
  }
}

/// Checks that x and y have the shapes that dims says and that every window has a tap inside the image.
void expect_pool(const char* op, const Pool2dDims& dims, const Shape& x, const Shape& y);

kernels::MaxPool::Signature max_pool;
kernels::MaxPoolBackward::Signature max_pool_backward;
kernels::AvgPool::Signature avg_pool;
kernels::AvgPoolBackward::Signature avg_pool_backward;

}  // namespace bnas::cpu
