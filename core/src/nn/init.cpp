// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/init.hpp"

#include <cmath>

namespace bnas::nn {

Parameter uniform_parameter(Stream& stream, std::string name, ParamRole role, const Shape& shape, RandomKey key,
                            float limit) {
  std::vector<float> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = limit * (2.0F * key.uniform(i) - 1.0F);
  }
  return {std::move(name), role, Tensor::from_host(stream, shape, std::span<const float>(values)),
          Tensor::zeros(stream, shape, DType::f32)};
}

Parameter constant_parameter(Stream& stream, std::string name, const Shape& shape, float value) {
  return {std::move(name), ParamRole::real, Tensor::full(stream, shape, value),
          Tensor::zeros(stream, shape, DType::f32)};
}

float glorot_limit(std::int64_t fan_in, std::int64_t fan_out) {
  return static_cast<float>(std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)));
}

}  // namespace bnas::nn
