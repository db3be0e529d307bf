// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// Latent weights of one layer as (rows, channels) floats, and what a step makes of them; bits and mask have
/// words_for(channels) words a row.
struct LatentWeights {
  const float* latent = nullptr;
  Word* bits = nullptr;
  Word* mask = nullptr;
  float* grad = nullptr;
  int rows = 0;
  int channels = 0;
};

/// bits = sign(latent) and mask = |latent| <= 1 of all `count` layers, padding bits 0; grad is not used. One launch for
/// every 64 layers.
Status binarize_weights(const LatentWeights* layers, int count, cudaStream_t stream);

/// grad = mask bit ? grad : 0 of all layers; latent and bits are not used. One launch for every 64 layers.
Status mask_gradients(const LatentWeights* layers, int count, cudaStream_t stream);

}  // namespace bnas::cuda
