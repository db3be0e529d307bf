// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/nn/binary_conv2d.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nn {

/// Halves an image and sets its channels without dropping three pixels of four (Zoph et al. 2018, the code of Liu et
/// al. 2018): two binary 1x1 convolutions of stride 2, one on the even pixels, one shifted by a pixel in y and x, side
/// by side. (N,H,W,in) -> f32 (N,ceil(H/2),ceil(W/2),out); the first half has the odd channel.
class FactorizedReduction final : public Module {
 public:
  /// `out` is at least 2.
  FactorizedReduction(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, RandomKey key,
                      const Binarization& binarization = {});
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const std::function<void(Parameter&)>& visit) override;

 private:
  BinaryConv2d even_;
  BinaryConv2d odd_;
};

}  // namespace bnas::nn
