// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/conv2d.hpp"

#include "bnas/core/nn/init.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"

namespace bnas::nn {

Conv2d::Conv2d(Stream& stream, const std::string& name, const ConvSize& size, const ops::Geometry& geometry,
               RandomKey key)
    : weight_(uniform_parameter(stream, name + ".weight", ParamRole::real, {size.out, size.kh, size.kw, size.in}, key,
                                glorot_limit(size.kh * size.kw * size.in, size.kh * size.kw * size.out))),
      geometry_(geometry) {
  weight_.fan_in = size.kh * size.kw * size.in;
  weight_.fan_out = size.kh * size.kw * size.out;
}

Var Conv2d::forward(Context& ctx, const Var& x) {
  return ops::conv2d(ctx, ops::to_float(ctx, x), use(ctx, weight_), geometry_);
}

}  // namespace bnas::nn
