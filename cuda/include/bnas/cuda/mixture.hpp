// SPDX-License-Identifier: Apache-2.0
// Weights of operations that compete on edges: softmaxes over a few numbers, in double. A gradient is added where
// `accumulate`.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

inline constexpr int kMostEdges = 64;

/// E edges with K operations each. alpha and alive (E,K), beta (E), device memory; alive holds 0 and 1.
struct Mixture {
  const float* alpha = nullptr;
  const float* beta = nullptr;
  const float* alive = nullptr;
  int edges = 0;       ///< at most kMostEdges
  int operations = 0;  ///< K
  float temperature = 1.0F;
  bool edge_weights = true;  ///< false: b is 1
  /// Group of every edge; edges of a group are neighbours. Host memory, read during the call.
  const std::int32_t* groups = nullptr;
};

/// y (E, K+1): y[e,k] = b[e] p[e,k] with p = softmax of alpha / temperature over the alive operations of the edge and
/// b = softmax of beta over the edges of a group; 0 where not alive. y[e,K] = b[e]. One launch of one block.
Status mixture_weights(const Mixture& mixture, float* y, cudaStream_t stream);

/// Gradients of the same from dy (E, K+1); null: not wanted. dbeta is 0 without edge_weights.
Status mixture_weights_backward(const Mixture& mixture, const float* dy, float* dalpha, bool add_alpha, float* dbeta,
                                bool add_beta, cudaStream_t stream);

/// dalpha = weight * gradient of the mean over edges of the entropy of p. Needs no beta and no groups.
Status entropy_gradient(const Mixture& mixture, float weight, float* dalpha, bool accumulate, cudaStream_t stream);

/// y[0..n) = *entry.
Status broadcast_entry(const float* entry, std::int64_t n, float* y, cudaStream_t stream);

/// dtable[index] = sum of dy[0..n) in double, the other of `entries` entries 0; with `accumulate` added, and the others
/// stay. One block: meant for one number per channel.
Status broadcast_entry_backward(const float* dy, std::int64_t n, std::int64_t index, std::int64_t entries,
                                float* dtable, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
