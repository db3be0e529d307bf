// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/binary_dense.hpp"

#include "bnas/core/nn/init.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "nn/binary_layer.hpp"

namespace bnas::nn {

BinaryDense::BinaryDense(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, RandomKey key,
                         const Binarization& binarization)
    : weight_(uniform_parameter(stream, name + ".weight", ParamRole::latent_binary, {out, in}, key, 1.0F)),
      binarization_(binarization) {
  weight_.fan_in = in;
  weight_.fan_out = out;
}

Var BinaryDense::forward(Context& ctx, const Var& x) {
  return run_binary_layer(ctx, weight_, binarization_, [&](const Var& w) {
    return binarization_.input ? ops::binary_dense(ctx, ops::sign(ctx, x, binarization_.activation), w,
                                                   binarization_.sums && !binarization_.scale)
                               : ops::dense(ctx, ops::to_float(ctx, x), w);
  });
}

}  // namespace bnas::nn
