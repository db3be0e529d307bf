// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/optim/optimizer.hpp"

namespace bnas::optim {

/// The parameters of one rule with their slots, in the form that its kernel takes.
class UpdateList {
 public:
  UpdateList(std::vector<const char*> slot_names, const StepOptions& options)
      : names_(std::move(slot_names)), options_(options) {}

  /// Makes zero-filled slots. Once.
  void prepare(Stream& stream, std::span<nn::Parameter* const> parameters);
  /// Narrows selected() to these of the prepared parameters; others in the list are ignored.
  void select(std::span<nn::Parameter* const> parameters);
  /// What a step moves: all, until select().
  std::span<const ParameterUpdate> selected() const;
  /// Every slot as "<parameter>.<slot>".
  void visit(const std::function<void(const std::string& name, Tensor&)>& visit);

 private:
  std::vector<const char*> names_;
  StepOptions options_;
  std::vector<const nn::Parameter*> parameters_;
  std::vector<ParameterUpdate> updates_;
  std::vector<ParameterUpdate> selected_;
  bool prepared_ = false;
};

}  // namespace bnas::optim
