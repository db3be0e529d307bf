// SPDX-License-Identifier: Apache-2.0
// What changes from one training step to the next. It lives in the memory of the device, so that a recorded step can be
// replayed: kernels read it, no argument of theirs changes.
#pragma once

#include <cstdint>

#include "bnas/portable/philox.hpp"

namespace bnas {

struct StepValues {
  float lr = 0.0F;
  double bias_correction = 1.0;  ///< AdamRule::bias_correction() of this step
  std::int64_t first_row = 0;    ///< of this step's batch in the order of the epoch
  RandomKey random = {};         ///< keyed by seed, trial, epoch and step
};

/// The key of a step's random operation number `site`, as dropout uses it.
BNAS_HD constexpr RandomKey step_key(const StepValues& step, std::uint64_t site, RandomPurpose purpose) {
  RandomKey key = step.random.derive(site);
  key.purpose = purpose;
  return key;
}

}  // namespace bnas
