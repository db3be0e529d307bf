// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "optim/updates.hpp"

namespace bnas::optim {
namespace {

class Bop final : public Optimizer {
 public:
  Bop(const BopRule& rule, std::unique_ptr<Optimizer> rest) : rule_(rule), rest_(std::move(rest)) {}

  void prepare(Stream& stream, std::span<nn::Parameter* const> parameters) override {
    std::vector<nn::Parameter*> latents, others;
    for (nn::Parameter* parameter : parameters) {
      (parameter->role == nn::ParamRole::latent_binary ? latents : others).push_back(parameter);
    }
    for (nn::Parameter* latent : latents) {
      binarize(stream, latent->value);
    }
    updates_.prepare(stream, latents);
    rest_->prepare(stream, others);
  }
  void select(std::span<nn::Parameter* const> parameters) override {
    updates_.select(parameters);
    rest_->select(parameters);
  }
  void step(Stream& stream, const Tensor& values) override {
    rest_->step(stream, values);
    dispatch<kernels::BopStep>(stream, updates_.selected(), rule_);
  }
  double bias_correction(std::int64_t t) const override { return rest_->bias_correction(t); }
  void slots(const std::function<void(const std::string& name, Tensor&)>& visit) override {
    updates_.visit(visit);
    rest_->slots(visit);
  }

 private:
  /// Replaces the real numbers that weights are initialized with by their signs.
  static void binarize(Stream& stream, Tensor& weights) {
    Tensor bits(stream, weights.shape(), DType::bit);
    Tensor no_mask;
    dispatch<kernels::Sign>(stream, weights, bits, no_mask);
    dispatch<kernels::ToFloat>(stream, bits, weights);
  }

  BopRule rule_;
  std::unique_ptr<Optimizer> rest_;
  UpdateList updates_{{"average"}, {}};
};

}  // namespace

std::unique_ptr<Optimizer> make_bop(const BopRule& rule, std::unique_ptr<Optimizer> rest) {
  return std::make_unique<Bop>(rule, std::move(rest));
}

}  // namespace bnas::optim
