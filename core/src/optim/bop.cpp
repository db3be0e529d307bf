// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "optim/slots.hpp"

namespace bnas::optim {
namespace {

class Bop final : public Optimizer {
 public:
  Bop(const BopRule& rule, std::unique_ptr<Optimizer> rest) : rule_(rule), rest_(std::move(rest)) {}

  void step(Stream& stream, std::span<nn::Parameter* const> parameters, float lr) override {
    split(parameters);
    rest_->set_steps(steps_);
    rest_->step(stream, others_, lr);
    slots_.prepare(stream, latents_);
    if (steps_ == 0) {
      binarize(stream);
    }
    ++steps_;
    for (std::size_t i = 0; i < latents_.size(); ++i) {
      dispatch<kernels::BopStep>(stream, latents_[i]->grad, rule_, latents_[i]->value, slots_.slot(i, 0));
    }
  }

  void slots(Stream& stream, std::span<nn::Parameter* const> parameters,
             const std::function<void(const std::string& name, Tensor&)>& visit) override {
    split(parameters);
    slots_.prepare(stream, latents_);
    slots_.visit(latents_, visit);
    rest_->slots(stream, others_, visit);
  }

 private:
  void split(std::span<nn::Parameter* const> parameters) {
    latents_.clear();
    others_.clear();
    for (nn::Parameter* parameter : parameters) {
      (parameter->role == nn::ParamRole::latent_binary ? latents_ : others_).push_back(parameter);
    }
  }

  /// Replaces the real numbers that the weights were initialized with by their signs.
  void binarize(Stream& stream) {
    for (nn::Parameter* latent : latents_) {
      Tensor bits(stream, latent->value.shape(), DType::bit);
      Tensor no_mask;
      dispatch<kernels::Sign>(stream, latent->value, bits, no_mask);
      dispatch<kernels::ToFloat>(stream, bits, latent->value);
    }
  }

  BopRule rule_;
  std::unique_ptr<Optimizer> rest_;
  SlotTable slots_{{"average"}};
  std::vector<nn::Parameter*> latents_;
  std::vector<nn::Parameter*> others_;
};

}  // namespace

std::unique_ptr<Optimizer> make_bop(const BopRule& rule, std::unique_ptr<Optimizer> rest) {
  return std::make_unique<Bop>(rule, std::move(rest));
}

}  // namespace bnas::optim
