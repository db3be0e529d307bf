// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/dense.hpp"

#include "bnas/core/nn/init.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"

namespace bnas::nn {

Dense::Dense(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, RandomKey key)
    : weight_(uniform_parameter(stream, name + ".weight", ParamRole::real, {out, in}, key, glorot_limit(in, out))),
      bias_(constant_parameter(stream, name + ".bias", {out}, 0.0F)) {
  weight_.fan_in = in;
  weight_.fan_out = out;
}

Var Dense::forward(Context& ctx, const Var& x) {
  return ops::dense(ctx, ops::to_float(ctx, x), use(ctx, weight_), use(ctx, bias_));
}

void Dense::parameters(const std::function<void(Parameter&)>& visit) {
  visit(weight_);
  visit(bias_);
}

}  // namespace bnas::nn
