// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/nn/binary_conv2d.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nn {

/// Float convolution without bias. Weights (O,KH,KW,C) start Glorot-uniform.
class Conv2d final : public Module {
 public:
  Conv2d(Stream& stream, const std::string& name, const ConvSize& size, const ops::Geometry& geometry, RandomKey key);
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const std::function<void(Parameter&)>& visit) override { visit(weight_); }

 private:
  Parameter weight_;
  ops::Geometry geometry_;
};

}  // namespace bnas::nn
