// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/binarized_weights.hpp"

#include "bnas/core/ops/binary.hpp"

namespace bnas::nn {

BinarizedWeights::BinarizedWeights(Stream& stream, std::span<Parameter* const> parameters) {
  for (Parameter* p : parameters) {
    if (p->role == ParamRole::latent_binary) {
      p->bits = Tensor(stream, p->value.shape(), DType::bit);
      parameters_.push_back(p);
      layers_.push_back({p->value, p->bits, Tensor(stream, p->value.shape(), DType::bit), p->grad});
    }
  }
}

BinarizedWeights::~BinarizedWeights() {
  for (Parameter* p : parameters_) {
    p->bits = Tensor();
  }
}

void BinarizedWeights::binarize(Stream& stream) { dispatch<kernels::BinarizeWeights>(stream, layers_); }

void BinarizedWeights::mask_gradients(Stream& stream) { dispatch<kernels::MaskGradients>(stream, layers_); }

Var weight_bits(Context& ctx, Parameter& parameter, PseudoGradient kind) {
  if (ctx.tape == nullptr || parameter.frozen || !parameter.bits.defined()) {
    return ops::sign(ctx, use(ctx, parameter), kind);
  }
  return ctx.tape->leaf(parameter.bits, parameter.grad);
}

}  // namespace bnas::nn
