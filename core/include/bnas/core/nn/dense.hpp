// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/nn/module.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nn {

/// Float dense layer with bias: x (N,C) -> (N,O). Weights start Glorot-uniform, the bias at 0.
class Dense final : public Module {
 public:
  Dense(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, RandomKey key);
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const std::function<void(Parameter&)>& visit) override;

 private:
  Parameter weight_;  // (O,C)
  Parameter bias_;    // (O)
};

}  // namespace bnas::nn
