// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/binary_conv2d.hpp"

#include "bnas/core/nn/init.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "nn/binary_layer.hpp"

namespace bnas::nn {

BinaryConv2d::BinaryConv2d(Stream& stream, const std::string& name, const ConvSize& size, const ops::Geometry& geometry,
                           RandomKey key, const Binarization& binarization)
    : weight_(uniform_parameter(stream, name + ".weight", ParamRole::latent_binary,
                                {size.out, size.kh, size.kw, size.in}, key, 1.0F)),
      geometry_(geometry),
      binarization_(binarization) {
  weight_.fan_in = size.kh * size.kw * size.in;
  weight_.fan_out = size.kh * size.kw * size.out;
}

Var BinaryConv2d::forward(Context& ctx, const Var& x) {
  return run_binary_layer(ctx, weight_, binarization_, [&](const Var& w) {
    return binarization_.input ? ops::binary_conv2d(ctx, ops::sign(ctx, x, binarization_.activation), w, geometry_,
                                                    binarization_.sums && !binarization_.scale)
                               : ops::conv2d(ctx, ops::to_float(ctx, x), w, geometry_);
  });
}

BinaryDepthwiseConv2d::BinaryDepthwiseConv2d(Stream& stream, const std::string& name, const ConvSize& size,
                                             const ops::Geometry& geometry, RandomKey key,
                                             const Binarization& binarization)
    : weight_(uniform_parameter(stream, name + ".weight", ParamRole::latent_binary, {size.kh, size.kw, size.in}, key,
                                1.0F)),
      geometry_(geometry),
      binarization_(binarization) {
  // Every output pixel reads, and every input pixel feeds, the taps of one filter.
  weight_.fan_in = size.kh * size.kw;
  weight_.fan_out = size.kh * size.kw;
}

Var BinaryDepthwiseConv2d::forward(Context& ctx, const Var& x) {
  return run_binary_layer(ctx, weight_, binarization_, [&](const Var& w) {
    return binarization_.input
               ? ops::binary_depthwise_conv2d(ctx, ops::sign(ctx, x, binarization_.activation), w, geometry_)
               : ops::depthwise_conv2d(ctx, ops::to_float(ctx, x), w, geometry_);
  });
}

}  // namespace bnas::nn
