// SPDX-License-Identifier: Apache-2.0
// One number for each of many token sequences, as the LSTM surrogate scores cells (Liu et al. 2018, section 4):
// embedding, LSTM (bnas/cuda/lstm.hpp), one dense output, in one launch.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// Largest hidden size that one launch scores, whose states fit the 48 KiB of shared memory that every GPU lends
/// without being asked; beyond it: gemm and lstm_cell, step by step.
inline constexpr int kMaxScoredHidden = 500;

/// What tokens of one kind add to the gates: rows (vocabulary, 4 hidden), embedding times weight plus bias.
struct TokenGates {
  const float* rows = nullptr;
  int vocabulary = 0;
};

/// A trained model. Token t of a sequence is of kind t % kinds.
struct LstmScorer {
  static constexpr int kMostKinds = 4;
  TokenGates tokens[kMostKinds];
  int kinds = kMostKinds;
  int hidden = 0;
  const float* recurrent = nullptr;  ///< from pack_recurrent_weights
  const float* head = nullptr;       ///< (hidden)
  const float* head_bias = nullptr;  ///< one number
};

/// packed (hidden, hidden, 4): the four gates' weights of a unit side by side, units innermost, from the (4 hidden,
/// hidden) ones. One launch, once after training.
Status pack_recurrent_weights(const float* weights, int hidden, float* packed, cudaStream_t stream);

/// scores (n) of sequences tokens (n, length). A score depends on its own sequence alone, bit for bit: products are
/// added in order of the hidden units, fused, the head's in a tree of fixed shape. A token outside its vocabulary is
/// noted in `error` and adds nothing. One launch.
Status lstm_score(const LstmScorer& model, const std::int32_t* tokens, std::int64_t n, int length, float* scores,
                  DeviceError* error, cudaStream_t stream);

}  // namespace bnas::cuda
