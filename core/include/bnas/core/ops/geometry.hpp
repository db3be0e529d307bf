// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/shape.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::ops {

/// How a window moves over an image. `same` is TensorFlow's SAME, computed from the input size; otherwise the
/// explicit pads hold.
struct Geometry {
  int stride_h = 1, stride_w = 1;
  bool same = true;
  AxisPad pad_h{}, pad_w{};
  PadValue pad_value = PadValue::zero;

  static Geometry with_stride(int stride) { return {stride, stride}; }
  static Geometry explicit_pad(int stride, AxisPad h, AxisPad w) { return {stride, stride, false, h, w}; }
};

/// Dimensions of conv(x, w) with x (N,H,W,C) and w (O,KH,KW,C); internal Error naming `op` and shapes that do not fit
/// or give an empty output.
Conv2dDims conv2d_dims(const char* op, const Shape& x, const Shape& w, const Geometry& geometry);
/// The same with w (KH,KW,C).
Conv2dDims depthwise_dims(const char* op, const Shape& x, const Shape& w, const Geometry& geometry);
/// Window (kh, kw) over x.
Pool2dDims pool2d_dims(const char* op, const Shape& x, int kh, int kw, const Geometry& geometry);

}  // namespace bnas::ops
