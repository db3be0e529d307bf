// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/geometry.hpp"

#include <limits>

#include <fmt/format.h>

#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

int extent(const char* op, const Shape& shape, int axis) {
  const std::int64_t value = shape[axis];
  if (value < 1 || value > std::numeric_limits<int>::max()) {
    fail(op, fmt::format("shape {} has extent {} on axis {}", shape.text(), value, axis));
  }
  return static_cast<int>(value);
}

/// The pads of one axis, after checking that at least one window fits.
AxisPad window_pad(const char* op, const Shape& x, int length, int kernel, int stride, bool same, AxisPad pad) {
  if (stride < 1) {
    fail(op, fmt::format("stride {} over {}, expected at least 1", stride, x.text()));
  }
  if (same) {
    return same_pad(length, kernel, stride);
  }
  if (length + pad.begin + pad.end < kernel) {
    fail(op, fmt::format("empty output: {} taps over {} pixels with padding ({}, {}) of input {}", kernel, length,
                         pad.begin, pad.end, x.text()));
  }
  return pad;
}

template <class Dims>
void set_window(const char* op, const Shape& x, const Geometry& geometry, Dims& dims) {
  dims.n = extent(op, x, 0);
  dims.h = extent(op, x, 1);
  dims.w = extent(op, x, 2);
  dims.c = extent(op, x, 3);
  dims.stride_h = geometry.stride_h;
  dims.stride_w = geometry.stride_w;
  dims.pad_h = window_pad(op, x, dims.h, dims.kh, dims.stride_h, geometry.same, geometry.pad_h);
  dims.pad_w = window_pad(op, x, dims.w, dims.kw, dims.stride_w, geometry.same, geometry.pad_w);
}

void require_ranks(const char* op, const Shape& x, const Shape& w, int w_rank) {
  if (x.rank() != 4 || w.rank() != w_rank || x.channels() != w.channels()) {
    fail(op, fmt::format("input {} does not fit weights {}, expected (N,H,W,C) and ({}KH,KW,C)", x.text(), w.text(),
                         w_rank == 4 ? "O," : ""));
  }
}

/// Every window of a pool must touch the image, else its maximum or mean is undefined.
void require_touching(const char* op, const Shape& x, int length, int kernel, int stride, AxisPad pad, int out) {
  if (pad.begin >= kernel || (out - 1) * stride - pad.begin >= length) {
    fail(op, fmt::format("padding ({}, {}) puts a window of {} taps wholly outside input {}", pad.begin, pad.end,
                         kernel, x.text()));
  }
}

}  // namespace

Conv2dDims conv2d_dims(const char* op, const Shape& x, const Shape& w, const Geometry& geometry) {
  require_ranks(op, x, w, 4);
  Conv2dDims dims;
  dims.o = extent(op, w, 0);
  dims.kh = extent(op, w, 1);
  dims.kw = extent(op, w, 2);
  dims.pad_value = geometry.pad_value;
  set_window(op, x, geometry, dims);
  return dims;
}

Conv2dDims depthwise_dims(const char* op, const Shape& x, const Shape& w, const Geometry& geometry) {
  require_ranks(op, x, w, 3);
  Conv2dDims dims;
  dims.kh = extent(op, w, 0);
  dims.kw = extent(op, w, 1);
  dims.pad_value = geometry.pad_value;
  set_window(op, x, geometry, dims);
  dims.o = dims.c;
  return dims;
}

Pool2dDims pool2d_dims(const char* op, const Shape& x, int kh, int kw, const Geometry& geometry) {
  if (x.rank() != 4 || kh < 1 || kw < 1) {
    fail(op, fmt::format("window ({}, {}) over input {}, expected at least (1, 1) over (N,H,W,C)", kh, kw, x.text()));
  }
  Pool2dDims dims;
  dims.kh = kh;
  dims.kw = kw;
  set_window(op, x, geometry, dims);
  require_touching(op, x, dims.h, kh, dims.stride_h, dims.pad_h, dims.oh());
  require_touching(op, x, dims.w, kw, dims.stride_w, dims.pad_w, dims.ow());
  return dims;
}

}  // namespace bnas::ops
