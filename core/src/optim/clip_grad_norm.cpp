// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "bnas/core/error.hpp"

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/optim/optimizer.hpp"

namespace bnas::optim {

float clip_grad_norm(Stream& stream, std::span<nn::Parameter* const> parameters, float max_norm) {
  check(max_norm > 0.0F, "clip_grad_norm", "max_norm must be positive");
  Tensor sum = Tensor::full(stream, Shape{}, 0.0F);
  for (const nn::Parameter* parameter : parameters) {
    dispatch<kernels::SumSquares>(stream, parameter->grad, sum, GradMode::accumulate);
  }
  const float norm = std::sqrt(sum.to_host(stream).front());
  if (norm > max_norm) {
    for (nn::Parameter* parameter : parameters) {
      dispatch<kernels::Scale>(stream, parameter->grad, max_norm / norm, parameter->grad, GradMode::overwrite);
    }
  }
  return norm;
}

}  // namespace bnas::optim
