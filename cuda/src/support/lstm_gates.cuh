// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace bnas::cuda {

__device__ inline float logistic(float x) { return 1.0F / (1.0F + expf(-x)); }

/// One unit's gates, activated, and its new state.
struct LstmUnit {
  float input, candidate, forget, output, c, h;
};

/// From gates before their nonlinearities.
__device__ inline LstmUnit lstm_unit(float input, float candidate, float forget, float output, float c_prev) {
  LstmUnit u{logistic(input), tanhf(candidate), logistic(forget + 1.0F), logistic(output), 0.0F, 0.0F};
  u.c = u.forget * c_prev + u.input * u.candidate;
  u.h = u.output * tanhf(u.c);
  return u;
}

}  // namespace bnas::cuda
