// SPDX-License-Identifier: Apache-2.0
// The pointwise part of one LSTM step (Hochreiter and Schmidhuber 1997, no peepholes). Gates stand side by side,
// (n, 4 hidden): input, candidate, forget, output; states are (n, hidden). exp and tanh are CUDA's accurate ones: their
// last bits may differ from those of the CPU.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// gates: before their nonlinearities in, activated out; 1 is added to forget. c = f * c_prev + i * g, h = o * tanh(c).
/// c_prev null: zeros; c may be c_prev. One launch.
Status lstm_cell(float* gates, const float* c_prev, std::int64_t n, int hidden, float* c, float* h,
                 cudaStream_t stream);

/// `gates` are activated; inputs that may be null, and are zeros then, are dh, dc and c_prev; c is the state after the
/// step.
struct LstmCellBackward {
  const float* dh = nullptr;
  const float* dc = nullptr;
  const float* gates = nullptr;
  const float* c_prev = nullptr;
  const float* c = nullptr;
  float* dgates = nullptr;   ///< before the nonlinearities
  float* dc_prev = nullptr;  ///< null: not wanted; may be dc
};
Status lstm_cell_backward(const LstmCellBackward& call, std::int64_t n, int hidden, cudaStream_t stream);

}  // namespace bnas::cuda
