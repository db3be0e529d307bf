// SPDX-License-Identifier: Apache-2.0
// Matrices (rows, columns) of floats and vectors of one float per column.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// y = x + bias in every row; y may be x. Any length may be 0.
Status add_bias(const float* x, const float* bias, std::int64_t rows, int columns, float* y, cudaStream_t stream);

/// sums[c] = sum over rows of x[row][c], or += with `accumulate`. The same bits each time: 32 chains of every 32nd row,
/// added in a tree of fixed shape. Meant for batches: one block reads 32 columns of all rows.
Status sum_rows(const float* x, std::int64_t rows, int columns, float* sums, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
