// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/cuda/handles.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// c (M,N) = op(a) op(b), or += with `accumulate`; rows one after another. a is (M,K), or (K,M) transposed; b is (K,N),
/// or (N,K) transposed. f32 throughout, by cuBLAS on the stream of `handles`: the same bits each time on devices of one
/// kind. m, n or k may be 0.
Status gemm(const Handles& handles, int m, int n, int k, const float* a, bool transpose_a, const float* b,
            bool transpose_b, float* c, bool accumulate);

}  // namespace bnas::cuda
