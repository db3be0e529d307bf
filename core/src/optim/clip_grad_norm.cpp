// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/error.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/optim/optimizer.hpp"

namespace bnas::optim {

Tensor clip_grad_norm(Stream& stream, std::span<nn::Parameter* const> parameters, float max_norm) {
  check(max_norm > 0.0F, "clip_grad_norm", "max_norm must be positive");
  std::vector<Tensor> grads;
  for (const nn::Parameter* parameter : parameters) {
    grads.push_back(parameter->grad);
  }
  Tensor norm(stream, Shape{}, DType::f32);
  dispatch<kernels::ClipGradNorm>(stream, grads, max_norm, norm);
  return norm;
}

}  // namespace bnas::optim
