// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bnas/core/optim/optimizer.hpp"

namespace bnas::optim {

/// The slots of one rule: for every parameter, in order of the parameters, one zero-filled tensor per slot name.
class SlotTable {
 public:
  explicit SlotTable(std::vector<const char*> names) : names_(std::move(names)) {}

  /// Creates what is absent; internal Error when the parameters are not those of earlier calls.
  void prepare(Stream& stream, std::span<nn::Parameter* const> parameters);
  Tensor& slot(std::size_t parameter, std::size_t name) { return tensors_[parameter * names_.size() + name]; }
  void visit(std::span<nn::Parameter* const> parameters,
             const std::function<void(const std::string& name, Tensor&)>& visit);

 private:
  std::vector<const char*> names_;
  std::vector<Tensor> tensors_;  // parameter-major
};

/// The rule's lr and clip for one parameter: both depend on its role.
float lr_for(const nn::Parameter& parameter, float lr, const StepOptions& options);
float clip_for(const nn::Parameter& parameter, const StepOptions& options);

}  // namespace bnas::optim
