// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "optim/slots.hpp"

namespace bnas::optim {
namespace {

class Adam final : public Optimizer {
 public:
  Adam(const AdamRule& rule, bool amsgrad, const StepOptions& options)
      : rule_(rule),
        amsgrad_(amsgrad),
        options_(options),
        slots_(amsgrad ? std::vector{"m", "v", "v_max"} : std::vector{"m", "v"}) {}

  void step(Stream& stream, std::span<nn::Parameter* const> parameters, float lr) override {
    slots_.prepare(stream, parameters);
    rule_.step = ++steps_;
    Tensor none;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      nn::Parameter& p = *parameters[i];
      rule_.lr = lr_for(p, lr, options_);
      dispatch<kernels::AdamStep>(stream, p.grad, rule_, clip_for(p, options_), p.value, slots_.slot(i, 0),
                                  slots_.slot(i, 1), amsgrad_ ? slots_.slot(i, 2) : none);
    }
  }

  void slots(Stream& stream, std::span<nn::Parameter* const> parameters,
             const std::function<void(const std::string& name, Tensor&)>& visit) override {
    slots_.prepare(stream, parameters);
    slots_.visit(parameters, visit);
  }

 private:
  AdamRule rule_;
  bool amsgrad_;
  StepOptions options_;
  SlotTable slots_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const AdamRule& rule, bool amsgrad, const StepOptions& options) {
  return std::make_unique<Adam>(rule, amsgrad, options);
}

}  // namespace bnas::optim
