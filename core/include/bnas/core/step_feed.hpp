// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "bnas/core/tensor.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas {

/// A tensor u8 with the bytes of `values`, as kernels with a `step` argument read it.
Tensor step_tensor(Stream& stream, const StepValues& values);

/// Tells kernels what changes from step to step without a host that waits or arguments that change: the values of many
/// steps are uploaded at once, and each advance() copies the next ones to current() on the device. All tensors keep
/// their addresses, so that a recorded step stays valid.
class StepFeed {
 public:
  /// `capacity`: the most steps that load() will be given.
  StepFeed(Stream& stream, std::int64_t capacity);

  /// The coming steps; waits for nothing.
  void load(Stream& stream, std::span<const StepValues> steps);
  /// Moves on by one step; no more often than load() gave steps.
  void advance(Stream& stream);
  const Tensor& current() const { return current_; }

 private:
  Tensor table_;    // u8, StepValues one after another
  Tensor counter_;  // i32 scalar: the next one
  Tensor current_;  // u8, one StepValues
};

}  // namespace bnas
