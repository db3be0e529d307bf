// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/nn/module.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nn {

/// A parameter with values uniform in [-limit, limit): value i is number i of `key`. Its gradient starts at 0.
Parameter uniform_parameter(Stream& stream, std::string name, ParamRole role, const Shape& shape, RandomKey key,
                            float limit);

/// A real parameter that starts at one value everywhere.
Parameter constant_parameter(Stream& stream, std::string name, const Shape& shape, float value);

/// sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16).
float glorot_limit(std::int64_t fan_in, std::int64_t fan_out);

}  // namespace bnas::nn
