// SPDX-License-Identifier: Apache-2.0
// Kernel tags: convolutions and matrix products. x (N,H,W,C), w (O,KH,KW,C), y (N,OH,OW,O); depthwise w (KH,KW,C).
// Every sum has a fixed order, the same for every vector width and thread count.
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::kernels {

/// Exact integer dot products of bits with bits by XOR and popcount. y is i8 when K <= 127, i16 when K <= 32767,
/// else i32 (dot_dtype). Zero padding contributes 0, one padding +1. Where `sums` is defined, it becomes the sums of y
/// per channel (sums_shape).
struct BinaryConv2d {
  static constexpr const char* name = "binary_conv2d";
  using Signature = void(Stream&, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y, Tensor& sums);
};

/// As BinaryConv2d with one filter per channel: x bits (N,H,W,C), w bits (KH,KW,C), y i8 or i16 (N,OH,OW,C).
struct BinaryDepthwiseConv2d {
  static constexpr const char* name = "binary_depthwise_conv2d";
  using Signature = void(Stream&, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y);
};

/// y = conv(x, w); x and y f32, w f32 or bits (float convolution, stem, binary weights alone). Padding contributes 0,
/// or w * 1 with one padding.
struct Conv2d {
  static constexpr const char* name = "conv2d";
  using Signature = void(Stream&, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y);
};

/// dx (+)= gradient with respect to x; dy f32, w f32 or bits.
struct Conv2dBackwardInput {
  static constexpr const char* name = "conv2d_backward_input";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& w, const Conv2dDims& dims, Tensor& dx, GradMode mode);
};

/// dw (+)= gradient with respect to w, f32; dy f32, x f32 or bits.
struct Conv2dBackwardWeight {
  static constexpr const char* name = "conv2d_backward_weight";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& x, const Conv2dDims& dims, Tensor& dw, GradMode mode);
};

/// As Conv2d with one filter per channel.
struct DepthwiseConv2d {
  static constexpr const char* name = "depthwise_conv2d";
  using Signature = void(Stream&, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y);
};

struct DepthwiseConv2dBackwardInput {
  static constexpr const char* name = "depthwise_conv2d_backward_input";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& w, const Conv2dDims& dims, Tensor& dx, GradMode mode);
};

struct DepthwiseConv2dBackwardWeight {
  static constexpr const char* name = "depthwise_conv2d_backward_weight";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& x, const Conv2dDims& dims, Tensor& dw, GradMode mode);
};

/// c (M,N) (+)= op(a) op(b), f32; a is (M,K) or (K,M) transposed, b is (K,N) or (N,K) transposed.
/// Each element is summed in order of k with fused multiply-adds.
struct Gemm {
  static constexpr const char* name = "gemm";
  using Signature = void(Stream&, const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c,
                         GradMode mode);
};

}  // namespace bnas::kernels

namespace bnas {

/// The narrowest integer type that holds every dot product of K values in {-1, +1}.
constexpr DType dot_dtype(std::int64_t k) { return k <= 127 ? DType::i8 : k <= 32767 ? DType::i16 : DType::i32; }

}  // namespace bnas
