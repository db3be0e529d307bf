// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/nn/binary_conv2d.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nn {

/// Dense layer with binary weights (O,C), no bias, of x (N,C).
class BinaryDense final : public Module {
 public:
  BinaryDense(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, RandomKey key,
              const Binarization& binarization = {});
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const std::function<void(Parameter&)>& visit) override { visit(weight_); }

 private:
  Parameter weight_;
  Binarization binarization_;
};

}  // namespace bnas::nn
