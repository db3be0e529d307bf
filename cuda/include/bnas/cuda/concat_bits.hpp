// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// One input of a concatenation: x (rows, words_for(channels)).
struct PackedInput {
  const Word* x = nullptr;
  std::int64_t channels = 0;
};

/// y (rows, words_for(sum of channels)) = `count` inputs side by side along channels, without gaps between their bits.
/// `inputs` is host memory, read during the call. One launch per 16 inputs. Every word has one writer.
Status concat_bits(const PackedInput* inputs, int count, std::int64_t rows, Word* y, cudaStream_t stream);

}  // namespace bnas::cuda
