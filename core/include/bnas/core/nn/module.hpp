// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "bnas/core/tape.hpp"

namespace bnas::nn {

/// What a parameter is, which decides its optimizer treatment.
enum class ParamRole : std::uint8_t {
  real,           ///< batch norm, biases, float weights
  latent_binary,  ///< its sign is the weight; clipped to [-1, 1] after each step
  architecture,   ///< weights of a differentiable search
};

/// A trained tensor. `fan_in` and `fan_out` (0: unknown) feed the Glorot learning-rate multiplier.
struct Parameter {
  std::string name;  ///< unique within its network, "cell0.block1.a.conv.weight"
  ParamRole role = ParamRole::real;
  Tensor value;
  Tensor grad;  ///< f32, same shape; only read by optimizers
  std::int64_t fan_in = 0;
  std::int64_t fan_out = 0;
  Tensor bits = {};     ///< latent_binary: signs of the weights, where a BinarizedWeights keeps them
  bool frozen = false;  ///< use() gives a constant: the step wants no gradient of it
};

/// A piece of a network: parameters, buffers (running statistics) and a forward pass. Not thread-safe.
class Module {
 public:
  virtual ~Module() = default;
  virtual Var forward(Context& ctx, const Var& x) = 0;
  /// Calls `visit` for every parameter, in a fixed order that names the network's state.
  virtual void parameters(const std::function<void(Parameter&)>& visit) = 0;
  /// Calls `visit` for every buffer that is saved but not trained.
  virtual void buffers(const std::function<void(const std::string& name, Tensor&)>& visit) { (void)visit; }
};

/// The parameter as a leaf of ctx's tape, or as a constant in inference and where it is frozen.
inline Var use(Context& ctx, Parameter& parameter) {
  return ctx.tape == nullptr || parameter.frozen ? Var{parameter.value}
                                                 : ctx.tape->leaf(parameter.value, parameter.grad);
}

}  // namespace bnas::nn
