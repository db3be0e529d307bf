// SPDX-License-Identifier: Apache-2.0
// The parts of a recurrent surrogate. Each is one launch; every element has one writer: the same bits in every run.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// y (n, width) = table[ids]; table (vocabulary, width). An id that is not in [0, vocabulary) is noted in `error` and
/// gives zeros.
Status embedding(const float* table, int vocabulary, int width, const std::int32_t* ids, int n, float* y,
                 DeviceError* error, cudaStream_t stream);

/// dtable (vocabulary, width) = sum of dy (n, width) over the rows with that id, or += with `accumulate`; in order of
/// the rows. Ids out of range contribute nothing.
Status embedding_backward(const float* dy, const std::int32_t* ids, int n, int vocabulary, int width, float* dtable,
                          bool accumulate, cudaStream_t stream);

/// The pointwise part of one LSTM step (Hochreiter and Schmidhuber 1997, no peepholes): gates (n, 4 hidden) in the
/// order input, candidate, forget, output are activated in place, 1 is added to forget before; c = f c_prev + i g, h =
/// o tanh(c), both (n, hidden). c_prev null: zeros.
Status lstm_cell(float* gates, const float* c_prev, float* c, float* h, int n, int hidden, cudaStream_t stream);

/// From dh and dc (null: zeros) the gradients dgates (n, 4 hidden) before the nonlinearities, and dc_prev (null: not
/// wanted).
Status lstm_cell_backward(const float* dh, const float* dc, const float* gates, const float* c_prev, const float* c,
                          float* dgates, float* dc_prev, int n, int hidden, cudaStream_t stream);

}  // namespace bnas::cuda
