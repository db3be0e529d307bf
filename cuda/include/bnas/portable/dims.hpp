// SPDX-License-Identifier: Apache-2.0
// Shapes of convolutions and pools as plain structs; activations are NHWC, weights OHWI.
#pragma once

#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas {

/// Padding along one axis. Negative `begin` skips input pixels (the shifted grid of a factorized reduction).
struct AxisPad {
  int begin = 0;
  int end = 0;
  friend constexpr bool operator==(const AxisPad&, const AxisPad&) = default;
};

/// Output length of a window of `kernel` taps moved by `stride` over `length` pixels.
BNAS_HD constexpr int output_length(int length, int kernel, int stride, AxisPad pad) {
  return (length + pad.begin + pad.end - kernel) / stride + 1;
}

/// TensorFlow's SAME: output ceil(length / stride); the odd padding pixel goes to the end.
BNAS_HD constexpr AxisPad same_pad(int length, int kernel, int stride) {
  const int out = (length + stride - 1) / stride;
  const int total = (out - 1) * stride + kernel - length;
  return total > 0 ? AxisPad{total / 2, total - total / 2} : AxisPad{0, 0};
}

/// What a tap outside the image contributes: nothing (exact zero padding), or the value +1.
enum class PadValue : std::uint8_t { zero, one };

/// A 2-D convolution: x (N,H,W,C), w (O,KH,KW,C), y (N,OH,OW,O). Depthwise: O == C and w (KH,KW,C).
struct Conv2dDims {
  int n = 1, h = 1, w = 1, c = 1;
  int o = 1, kh = 1, kw = 1;
  int stride_h = 1, stride_w = 1;
  AxisPad pad_h, pad_w;
  PadValue pad_value = PadValue::zero;

  BNAS_HD constexpr int oh() const { return output_length(h, kh, stride_h, pad_h); }
  BNAS_HD constexpr int ow() const { return output_length(w, kw, stride_w, pad_w); }
  /// Products per output element when no tap falls outside the image.
  BNAS_HD constexpr int k() const { return kh * kw * c; }
};

/// A 2-D pool: x (N,H,W,C), y (N,OH,OW,C). Max ignores taps outside; average divides by the taps inside.
struct Pool2dDims {
  int n = 1, h = 1, w = 1, c = 1;
  int kh = 1, kw = 1;
  int stride_h = 1, stride_w = 1;
  AxisPad pad_h, pad_w;

  BNAS_HD constexpr int oh() const { return output_length(h, kh, stride_h, pad_h); }
  BNAS_HD constexpr int ow() const { return output_length(w, kw, stride_w, pad_w); }
};

}  // namespace bnas
