// SPDX-License-Identifier: Apache-2.0
// Kernel tags: fills, conversions, signs, sums. Tensors are dense and of equal shape unless said otherwise.
#pragma once

#include <span>

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/portable/pseudo_gradient.hpp"

namespace bnas {

/// Latent weights of one layer and what a training step makes of them, all of one shape: the sign bits that the layer
/// multiplies with, the bits of |latent| <= 1, and the gradient of the layer's bits, f32, which becomes the latent's.
struct LatentWeights {
  Tensor latent;
  Tensor bits;
  Tensor mask;
  Tensor grad;
};

}  // namespace bnas

namespace bnas::kernels {

/// y[i] = value; y is f32.
struct Fill {
  static constexpr const char* name = "fill";
  using Signature = void(Stream&, Tensor& y, float value);
};

/// y = x bytewise; same shape and type.
struct Copy {
  static constexpr const char* name = "copy";
  using Signature = void(Stream&, const Tensor& x, Tensor& y);
};

/// y = x as floats; x of any type, bits become -1 and +1.
struct ToFloat {
  static constexpr const char* name = "to_float";
  using Signature = void(Stream&, const Tensor& x, Tensor& y);
};

/// y = a + b, or y += b when a aliases y; all f32.
struct Add {
  static constexpr const char* name = "add";
  using Signature = void(Stream&, const Tensor& a, const Tensor& b, Tensor& y);
};

/// y (+)= scale * x; f32.
struct Scale {
  static constexpr const char* name = "scale";
  using Signature = void(Stream&, const Tensor& x, float scale, Tensor& y, GradMode mode);
};

/// bits = sign(x), and where `mask` is defined its bit is 1 where |x| <= 1. x is f32 or an integer type.
struct Sign {
  static constexpr const char* name = "sign";
  using Signature = void(Stream&, const Tensor& x, Tensor& bits, Tensor& mask);
};

/// dx (+)= dy where the mask bit is 1, else 0: backward of ste_sign from bits alone.
struct MaskBackward {
  static constexpr const char* name = "mask_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& mask, Tensor& dx, GradMode mode);
};

/// Sign of all layers at once: bits and mask of every entry from its latent weights.
struct BinarizeWeights {
  static constexpr const char* name = "binarize_weights";
  using Signature = void(Stream&, std::span<const LatentWeights> layers);
};

/// Backward of ste_sign of all layers at once, in place: grad = mask bit ? grad : 0.
struct MaskGradients {
  static constexpr const char* name = "mask_gradients";
  using Signature = void(Stream&, std::span<const LatentWeights> layers);
};

/// dx (+)= dy * pseudo_gradient(kind, x); x f32.
struct SignBackward {
  static constexpr const char* name = "sign_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& x, PseudoGradient kind, Tensor& dx, GradMode mode);
};

/// y = 1 / (1 + exp(-x)); f32.
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  using Signature = void(Stream&, const Tensor& x, Tensor& y);
};

/// dx (+)= dy * y * (1 - y).
struct SigmoidBackward {
  static constexpr const char* name = "sigmoid_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& y, Tensor& dx, GradMode mode);
};

/// y = max(x, 0); f32.
struct Relu {
  static constexpr const char* name = "relu";
  using Signature = void(Stream&, const Tensor& x, Tensor& y);
};

/// dx (+)= dy where y > 0.
struct ReluBackward {
  static constexpr const char* name = "relu_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& y, Tensor& dx, GradMode mode);
};

/// y = keep ? x * scale : 0, where keep = key.uniform(i) >= rate for element i and key = step_key(step, site, dropout);
/// x f32, may alias y; step u8 with the bytes of a StepValues. Forward and backward are the same map: nothing is saved.
struct Dropout {
  static constexpr const char* name = "dropout";
  using Signature = void(Stream&, const Tensor& x, const Tensor& step, std::uint64_t site, float rate, float scale,
                         Tensor& y, GradMode mode);
};

/// y (rows, sum of C_i) = inputs side by side along channels; all f32 or all bits, equal rows.
struct ConcatChannels {
  static constexpr const char* name = "concat_channels";
  using Signature = void(Stream&, const std::vector<Tensor>& inputs, Tensor& y);
};

/// dx (rows, C) (+)= dy[:, begin : begin + C]; f32.
struct SliceChannels {
  static constexpr const char* name = "slice_channels";
  using Signature = void(Stream&, const Tensor& dy, std::int64_t begin, Tensor& dx, GradMode mode);
};

/// y (N,B,A) = x (N,A,B) with its last two axes exchanged; f32.
struct Transpose {
  static constexpr const char* name = "transpose";
  using Signature = void(Stream&, const Tensor& x, Tensor& y);
};

/// y (rows, C) = x + bias (C), y may alias x; f32.
struct AddBias {
  static constexpr const char* name = "add_bias";
  using Signature = void(Stream&, const Tensor& x, const Tensor& bias, Tensor& y);
};

/// dbias (C) (+)= sum over rows of dy, in row order.
struct SumRows {
  static constexpr const char* name = "sum_rows";
  using Signature = void(Stream&, const Tensor& dy, Tensor& dbias, GradMode mode);
};

}  // namespace bnas::kernels
