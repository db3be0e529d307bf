// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/nn/module.hpp"
#include "bnas/core/ops/geometry.hpp"
#include "bnas/portable/philox.hpp"
#include "bnas/portable/pseudo_gradient.hpp"

namespace bnas::nn {

/// Channels and taps of a convolution.
struct ConvSize {
  std::int64_t in = 1, out = 1;
  int kh = 1, kw = 1;
};

/// How a binary layer binarizes.
struct Binarization {
  PseudoGradient activation = PseudoGradient::ste_sign;
  PseudoGradient weight = PseudoGradient::ste_sign;
  /// False: the input stays real (the stem, or weights-only binarization) and the result is f32, not integer.
  bool input = true;
  /// An integer result carries the sums of its channels (ops::binary_conv2d): a batch norm is behind it.
  bool sums = false;
  /// Outputs are multiplied by the mean of |w| of their filter (XNOR-Net, Rastegari et al. 2016); the result is f32.
  bool scale = false;
};

/// Convolution with binary weights, no bias. Latent weights (O,KH,KW,C) start uniform in [-1, 1).
class BinaryConv2d final : public Module {
 public:
  BinaryConv2d(Stream& stream, const std::string& name, const ConvSize& size, const ops::Geometry& geometry,
               RandomKey key, const Binarization& binarization = {});
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const std::function<void(Parameter&)>& visit) override { visit(weight_); }

 private:
  Parameter weight_;
  ops::Geometry geometry_;
  Binarization binarization_;
};

/// One binary filter (KH,KW,C) per channel; `size.in` channels, `size.out` is not read.
class BinaryDepthwiseConv2d final : public Module {
 public:
  BinaryDepthwiseConv2d(Stream& stream, const std::string& name, const ConvSize& size, const ops::Geometry& geometry,
                        RandomKey key, const Binarization& binarization = {});
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const std::function<void(Parameter&)>& visit) override { visit(weight_); }

 private:
  Parameter weight_;
  ops::Geometry geometry_;
  Binarization binarization_;
};

}  // namespace bnas::nn
