// SPDX-License-Identifier: Apache-2.0
// Between numbers and packed bits (bnas/portable/bits.hpp), and the gradients of sign. x (rows, channels), packed
// (rows, words_for(channels)); arrays begin at multiples of 16 bytes. Each is one launch; every element has one writer:
// the same bits in every run.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/bits.hpp"
#include "bnas/portable/pseudo_gradient.hpp"

namespace bnas::cuda {

/// bits = sign(x); where `mask` is not null its bit is 1 where |x| <= 1. Padding bits of both are 0. NaN counts as +1
/// and is not in the mask.
Status sign(const float* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask, cudaStream_t stream);
Status sign(const std::int8_t* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask,
            cudaStream_t stream);
Status sign(const std::int16_t* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask,
            cudaStream_t stream);
Status sign(const std::int32_t* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask,
            cudaStream_t stream);

/// bits = sign(x): packing.
inline Status pack(const float* x, std::int64_t rows, std::int64_t channels, Word* bits, cudaStream_t stream) {
  return sign(x, rows, channels, bits, nullptr, stream);
}

/// y = -1 for 1 bits, +1 for 0 bits.
Status unpack(const Word* bits, std::int64_t rows, std::int64_t channels, float* y, cudaStream_t stream);

/// dx = dy where the mask bit is 1, else 0; added to dx where `accumulate`.
Status mask_backward(const float* dy, const Word* mask, std::int64_t rows, std::int64_t channels, float* dx,
                     bool accumulate, cudaStream_t stream);

/// dx = dy * pseudo_gradient(kind, x) for n elements; added to dx where `accumulate`. dx may be dy.
Status sign_backward(const float* dy, const float* x, std::int64_t n, PseudoGradient kind, float* dx, bool accumulate,
                     cudaStream_t stream);

/// y[i] = float(x[i]), i in [0, n); an i32 is rounded to nearest.
Status to_float(const std::uint8_t* x, std::int64_t n, float* y, cudaStream_t stream);
Status to_float(const std::int8_t* x, std::int64_t n, float* y, cudaStream_t stream);
Status to_float(const std::int16_t* x, std::int64_t n, float* y, cudaStream_t stream);
Status to_float(const std::int32_t* x, std::int64_t n, float* y, cudaStream_t stream);

}  // namespace bnas::cuda
