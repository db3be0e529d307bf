// SPDX-License-Identifier: Apache-2.0
// Optimizer steps of all parameters of a network at once, by the rules of bnas/portable/optimizer_rules.hpp: the bits
// that they give on the host.
#pragma once

#include <cuda_runtime_api.h>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/bits.hpp"
#include "bnas/portable/optimizer_rules.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cuda {

/// One parameter: (rows, channels) floats each. Without bits and mask the shape is free, as {1, n}.
struct ParameterStep {
  const float* grad = nullptr;
  float* weight = nullptr;
  float* slots[3] = {};  ///< of the rule, in its order
  Word* bits = nullptr;  ///< where not null: signs of the new weights, words_for(channels) words a row
  Word* mask = nullptr;  ///< where not null: 1 where the new |weight| <= 1, likewise; padding bits of both are 0
  int rows = 1;
  int channels = 0;
  float lr_multiplier = 1.0F;  ///< times StepValues::lr, rounded to float
  float clip = 0.0F;           ///< > 0 clamps the weight to [-clip, clip] afterwards
};

/// Parameters that one launch takes; more need one launch for every kStepParameters.
inline constexpr int kStepParameters = 50;

/// Sizes to tune.
struct StepPolicy {
  int block_words = 32;  ///< words, each of 32 weights, in a block of 8 warps
};

/// Slots m and v, and with AMSGrad v_max. `parameters` (host) is read during the call, `step` (device) by the kernel.
Status adam_step(const ParameterStep* parameters, int count, const AdamRule& rule, const StepValues* step,
                 cudaStream_t stream, const StepPolicy& policy = {});

/// Slot velocity; null where momentum is 0.
Status sgd_step(const ParameterStep* parameters, int count, const SgdRule& rule, const StepValues* step,
                cudaStream_t stream, const StepPolicy& policy = {});

/// Slot average. There is no learning rate, and nothing is clipped.
Status bop_step(const ParameterStep* parameters, int count, const BopRule& rule, cudaStream_t stream,
                const StepPolicy& policy = {});

}  // namespace bnas::cuda
