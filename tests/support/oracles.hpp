// SPDX-License-Identifier: Apache-2.0
// Plain loops in float64, written from the definitions.
#pragma once

#include <algorithm>

#include "bnas/core/ops/geometry.hpp"
#include "support/op_case.hpp"

namespace bnas::test {

/// One axis of a window: where tap `k` of output `o` lies, and how many outputs there are.
struct Axis {
  std::int64_t length, kernel, stride, begin, out;

  std::int64_t at(std::int64_t o, std::int64_t k) const { return o * stride - begin + k; }
  bool inside(std::int64_t i) const { return i >= 0 && i < length; }
};

/// TensorFlow's SAME: ceil(length / stride) outputs, half of the missing pixels (rounded down) before the image.
inline Axis window_axis(std::int64_t length, std::int64_t kernel, std::int64_t stride, bool same, AxisPad pad) {
  if (!same) {
    return {length, kernel, stride, pad.begin, (length + pad.begin + pad.end - kernel) / stride + 1};
  }
  const std::int64_t out = (length + stride - 1) / stride;
  const std::int64_t missing = std::max<std::int64_t>((out - 1) * stride + kernel - length, 0);
  return {length, kernel, stride, missing / 2, out};
}

struct Window {
  Axis h, w;
};

inline Window window_of(const Shape& x, std::int64_t kh, std::int64_t kw, const ops::Geometry& g) {
  return {window_axis(x[1], kh, g.stride_h, g.same, g.pad_h), window_axis(x[2], kw, g.stride_w, g.same, g.pad_w)};
}

/// Calls visit(n, oh, ow, kh, kw, pixel) for every tap; `pixel` counts (n,h,w), or is -1 outside the image.
template <class Visit>
void for_each_tap(std::int64_t n, const Window& window, Visit&& visit) {
  const auto& [h, w] = window;
  for (std::int64_t b = 0; b < n; ++b) {
    for (std::int64_t oh = 0; oh < h.out; ++oh) {
      for (std::int64_t ow = 0; ow < w.out; ++ow) {
        for (std::int64_t kh = 0; kh < h.kernel; ++kh) {
          for (std::int64_t kw = 0; kw < w.kernel; ++kw) {
            const std::int64_t ih = h.at(oh, kh), iw = w.at(ow, kw);
            const bool inside = h.inside(ih) && w.inside(iw);
            visit((b * h.out + oh) * w.out + ow, kh * w.kernel + kw, inside ? (b * h.length + ih) * w.length + iw : -1);
          }
        }
      }
    }
  }
}

/// y (N,OH,OW,O) = sum over taps and channels of x (N,H,W,C) * w (O,KH,KW,C).
inline Array conv2d_oracle(const Array& x, const Array& w, const ops::Geometry& g) {
  const std::int64_t o = w.shape[0], taps = w.shape[1] * w.shape[2], c = w.shape[3];
  const Window window = window_of(x.shape, w.shape[1], w.shape[2], g);
  Array y(Shape{x.shape[0], window.h.out, window.w.out, o});
  const double outside = g.pad_value == PadValue::one ? 1.0 : 0.0;
  for_each_tap(x.shape[0], window, [&](std::int64_t out, std::int64_t tap, std::int64_t pixel) {
    for (std::int64_t f = 0; f < o; ++f) {
      const double* weights = &w.values[static_cast<std::size_t>((f * taps + tap) * c)];
      double sum = 0.0;
      for (std::int64_t i = 0; i < c; ++i) {
        sum += weights[i] * (pixel < 0 ? outside : x[pixel * c + i]);
      }
      y[out * o + f] += sum;
    }
  });
  return y;
}

/// One filter per channel: w (KH,KW,C).
inline Array depthwise_oracle(const Array& x, const Array& w, const ops::Geometry& g) {
  const std::int64_t c = w.shape[2];
  const Window window = window_of(x.shape, w.shape[0], w.shape[1], g);
  Array y(Shape{x.shape[0], window.h.out, window.w.out, c});
  const double outside = g.pad_value == PadValue::one ? 1.0 : 0.0;
  for_each_tap(x.shape[0], window, [&](std::int64_t out, std::int64_t tap, std::int64_t pixel) {
    for (std::int64_t i = 0; i < c; ++i) {
      y[out * c + i] += w[tap * c + i] * (pixel < 0 ? outside : x[pixel * c + i]);
    }
  });
  return y;
}

/// y (N,O) = x (N,C) w^T + bias, w (O,C).
inline Array dense_oracle(const Array& x, const Array& w, const Array* bias = nullptr) {
  const std::int64_t n = x.shape[0], c = x.shape[1], o = w.shape[0];
  Array y(Shape{n, o});
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < o; ++j) {
      double sum = bias == nullptr ? 0.0 : (*bias)[j];
      for (std::int64_t k = 0; k < c; ++k) {
        sum += x[i * c + k] * w[j * c + k];
      }
      y[i * o + j] = sum;
    }
  }
  return y;
}

}  // namespace bnas::test
