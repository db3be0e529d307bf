// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/batch_norm.hpp"

#include "bnas/core/nn/init.hpp"
#include "bnas/core/ops/structure.hpp"

namespace bnas::nn {

BatchNorm::BatchNorm(Stream& stream, const std::string& name, std::int64_t channels,
                     const ops::BatchNormOptions& options)
    : name_(name),
      gamma_(constant_parameter(stream, name + ".gamma", {channels}, 1.0F)),
      beta_(constant_parameter(stream, name + ".beta", {channels}, 0.0F)),
      stats_{Tensor::full(stream, {channels}, 0.0F), Tensor::full(stream, {channels}, 1.0F)},
      options_(options) {}

Var BatchNorm::forward(Context& ctx, const Var& x) {
  return ops::batch_norm(ctx, x, use(ctx, gamma_), use(ctx, beta_), stats_, options_);
}

Var BatchNorm::forward_rows(Context& ctx, const Var& x) {
  return ops::channels_to_rows(ctx, forward(ctx, ops::rows_to_channels(ctx, x)), x.shape());
}

Var BatchNorm::forward_sign(Context& ctx, const Var& x) {
  return ops::batch_norm_sign(ctx, x, use(ctx, gamma_), use(ctx, beta_), stats_, options_);
}

void BatchNorm::parameters(const std::function<void(Parameter&)>& visit) {
  visit(gamma_);
  visit(beta_);
}

void BatchNorm::buffers(const std::function<void(const std::string& name, Tensor&)>& visit) {
  visit(name_ + ".running_mean", stats_.mean);
  visit(name_ + ".running_variance", stats_.variance);
}

}  // namespace bnas::nn
