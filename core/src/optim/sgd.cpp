// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/optim.hpp"
#include "optim/updates.hpp"

namespace bnas::optim {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdRule& rule, const StepOptions& options)
      : rule_(rule), updates_(rule.momentum == 0.0F ? std::vector<const char*>{} : std::vector{"velocity"}, options) {}

  void prepare(Stream& stream, std::span<nn::Parameter* const> parameters) override {
    updates_.prepare(stream, parameters);
  }
  void select(std::span<nn::Parameter* const> parameters) override { updates_.select(parameters); }
  void step(Stream& stream, const Tensor& values) override {
    dispatch<kernels::SgdStep>(stream, updates_.selected(), rule_, values);
  }
  void slots(const std::function<void(const std::string& name, Tensor&)>& visit) override { updates_.visit(visit); }

 private:
  SgdRule rule_;
  UpdateList updates_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const SgdRule& rule, const StepOptions& options) {
  return std::make_unique<Sgd>(rule, options);
}

}  // namespace bnas::optim
