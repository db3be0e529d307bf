// SPDX-License-Identifier: Apache-2.0
#include "optim/slots.hpp"

#include <cmath>

#include "bnas/core/error.hpp"

namespace bnas::optim {

void SlotTable::prepare(Stream& stream, std::span<nn::Parameter* const> parameters) {
  if (tensors_.empty()) {
    for (const nn::Parameter* parameter : parameters) {
      for (std::size_t i = 0; i < names_.size(); ++i) {
        tensors_.push_back(Tensor::zeros(stream, parameter->value.shape(), DType::f32));
      }
    }
  }
  bool same = tensors_.size() == parameters.size() * names_.size();
  for (std::size_t i = 0; same && !names_.empty() && i < parameters.size(); ++i) {
    same = slot(i, 0).shape() == parameters[i]->value.shape();
  }
  check(same, "optimizer", "the parameters are not those of the first step");
}

void SlotTable::visit(std::span<nn::Parameter* const> parameters,
                      const std::function<void(const std::string& name, Tensor&)>& visit) {
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      visit(parameters[p]->name + "." + names_[i], slot(p, i));
    }
  }
}

float lr_for(const nn::Parameter& parameter, float lr, const StepOptions& options) {
  return options.glorot_lr && parameter.role == nn::ParamRole::latent_binary
             ? lr * glorot_multiplier(parameter.fan_in, parameter.fan_out)
             : lr;
}

float clip_for(const nn::Parameter& parameter, const StepOptions& options) {
  return parameter.role == nn::ParamRole::latent_binary ? options.latent_clip : 0.0F;
}

float glorot_multiplier(std::int64_t fan_in, std::int64_t fan_out) {
  check(fan_in > 0 && fan_out > 0, "glorot_multiplier", "fan_in and fan_out of the parameter are not known");
  return static_cast<float>(1.0 / std::sqrt(1.5 / static_cast<double>(fan_in + fan_out)));
}

}  // namespace bnas::optim
