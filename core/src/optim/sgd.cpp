// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "optim/slots.hpp"

namespace bnas::optim {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdRule& rule, const StepOptions& options)
      : rule_(rule),
        options_(options),
        slots_(rule.momentum == 0.0F ? std::vector<const char*>{} : std::vector{"velocity"}) {}

  void step(Stream& stream, std::span<nn::Parameter* const> parameters, float lr) override {
    slots_.prepare(stream, parameters);
    ++steps_;
    Tensor none;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      nn::Parameter& p = *parameters[i];
      rule_.lr = lr_for(p, lr, options_);
      dispatch<kernels::SgdStep>(stream, p.grad, rule_, clip_for(p, options_), p.value,
                                 rule_.momentum == 0.0F ? none : slots_.slot(i, 0));
    }
  }

  void slots(Stream& stream, std::span<nn::Parameter* const> parameters,
             const std::function<void(const std::string& name, Tensor&)>& visit) override {
    slots_.prepare(stream, parameters);
    slots_.visit(parameters, visit);
  }

 private:
  SgdRule rule_;
  StepOptions options_;
  SlotTable slots_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const SgdRule& rule, const StepOptions& options) {
  return std::make_unique<Sgd>(rule, options);
}

}  // namespace bnas::optim
