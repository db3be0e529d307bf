// SPDX-License-Identifier: Apache-2.0
#include "optim/updates.hpp"

#include <cmath>
#include <unordered_set>

#include "bnas/core/error.hpp"

namespace bnas::optim {

void UpdateList::prepare(Stream& stream, std::span<nn::Parameter* const> parameters) {
  check(!prepared_, "optimizer", "prepared twice");
  prepared_ = true;
  for (const nn::Parameter* p : parameters) {
    const bool latent = p->role == nn::ParamRole::latent_binary;
    ParameterUpdate update;
    update.grad = p->grad;
    update.weight = p->value;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      update.slots[i] = Tensor::zeros(stream, p->value.shape(), DType::f32);
    }
    update.lr_multiplier = latent && options_.glorot_lr ? glorot_multiplier(p->fan_in, p->fan_out) : 1.0F;
    update.clip = latent ? options_.latent_clip : 0.0F;
    parameters_.push_back(p);
    updates_.push_back(std::move(update));
  }
  selected_ = updates_;
}

void UpdateList::select(std::span<nn::Parameter* const> parameters) {
  check(prepared_, "optimizer", "selected before it was prepared");
  const std::unordered_set<const nn::Parameter*> wanted(parameters.begin(), parameters.end());
  selected_.clear();
  for (std::size_t i = 0; i < updates_.size(); ++i) {
    if (wanted.count(parameters_[i]) != 0) {
      selected_.push_back(updates_[i]);
    }
  }
}

std::span<const ParameterUpdate> UpdateList::selected() const {
  check(prepared_, "optimizer", "stepped before it was prepared");
  return selected_;
}

void UpdateList::visit(const std::function<void(const std::string& name, Tensor&)>& visit) {
  for (std::size_t p = 0; p < updates_.size(); ++p) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      visit(parameters_[p]->name + "." + names_[i], updates_[p].slots[i]);
    }
  }
}

float glorot_multiplier(std::int64_t fan_in, std::int64_t fan_out) {
  check(fan_in > 0 && fan_out > 0, "glorot_multiplier", "fan_in and fan_out of the parameter are not known");
  return static_cast<float>(1.0 / std::sqrt(1.5 / static_cast<double>(fan_in + fan_out)));
}

}  // namespace bnas::optim
