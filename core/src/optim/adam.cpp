// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/optim.hpp"
#include "optim/updates.hpp"

namespace bnas::optim {
namespace {

class Adam final : public Optimizer {
 public:
  Adam(const AdamRule& rule, bool amsgrad, const StepOptions& options)
      : rule_(rule), updates_(amsgrad ? std::vector{"m", "v", "v_max"} : std::vector{"m", "v"}, options) {}

  void prepare(Stream& stream, std::span<nn::Parameter* const> parameters) override {
    updates_.prepare(stream, parameters);
  }
  void select(std::span<nn::Parameter* const> parameters) override { updates_.select(parameters); }
  void step(Stream& stream, const Tensor& values) override {
    dispatch<kernels::AdamStep>(stream, updates_.selected(), rule_, values);
  }
  double bias_correction(std::int64_t t) const override { return rule_.bias_correction(t); }
  void slots(const std::function<void(const std::string& name, Tensor&)>& visit) override { updates_.visit(visit); }

 private:
  AdamRule rule_;
  UpdateList updates_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const AdamRule& rule, bool amsgrad, const StepOptions& options) {
  return std::make_unique<Adam>(rule, amsgrad, options);
}

}  // namespace bnas::optim
