// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/nas/child_trainer.hpp"

namespace bnas::nas {

/// What came of one attempt at a trial.
struct Attempt {
  enum class End { measured, interrupted, failed, rejected };
  End end = End::measured;
  Trial result;         ///< measured: final. Otherwise the trial as given
  std::string failure;  ///< why it failed; rejected: for good
};

/// Lets `trainer` train `trial` and turns every way to fail into a value. Throws only Errors that
/// no further attempt can survive: io (full disk), bad_data, device_fault.
Attempt attempt_child(ChildTrainer& trainer, const Trial& trial, const ChildContext& context);

}  // namespace bnas::nas
