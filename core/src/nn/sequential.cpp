// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/sequential.hpp"

namespace bnas::nn {

Sequential& Sequential::add(std::unique_ptr<Module> module) {
  modules_.push_back(std::move(module));
  return *this;
}

Var Sequential::forward(Context& ctx, const Var& x) {
  Var y = x;
  for (const auto& module : modules_) {
    y = module->forward(ctx, y);
  }
  return y;
}

void Sequential::parameters(const std::function<void(Parameter&)>& visit) {
  for (const auto& module : modules_) {
    module->parameters(visit);
  }
}

void Sequential::buffers(const std::function<void(const std::string& name, Tensor&)>& visit) {
  for (const auto& module : modules_) {
    module->buffers(visit);
  }
}

}  // namespace bnas::nn
