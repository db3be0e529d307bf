// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bnas/core/nn/module.hpp"

namespace bnas::nn {

/// Modules one after another.
class Sequential final : public Module {
 public:
  Sequential& add(std::unique_ptr<Module> module);
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const std::function<void(Parameter&)>& visit) override;
  void buffers(const std::function<void(const std::string& name, Tensor&)>& visit) override;

 private:
  std::vector<std::unique_ptr<Module>> modules_;
};

}  // namespace bnas::nn
