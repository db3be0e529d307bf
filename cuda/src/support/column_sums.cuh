// SPDX-License-Identifier: Apache-2.0
// Two sums per column over many rows in one launch, in a fixed order.
#pragma once

#include "bnas/cuda/scratch.hpp"
#include "support/split_sum.cuh"

namespace bnas::cuda {

inline constexpr int kColumnTile = 32;  // columns of a block: threadIdx.x
inline constexpr int kRowChains = 8;    // rows that a block reads at a time: threadIdx.y
inline constexpr int kRowsPerSlice = 256;
inline constexpr int kMaxRowSlices = 64;

/// Launch shape and scratch of sums over `rows` rows of `columns` columns.
struct ColumnSums {
  std::int64_t rows;
  int columns;
  int slices;              ///< gridDim.y
  std::int64_t per_slice;  ///< rows of a slice

  static ColumnSums plan(std::int64_t rows, int columns) {
    const std::int64_t wanted = (rows + kRowsPerSlice - 1) / kRowsPerSlice;
    const auto slices = static_cast<int>(wanted < 1 ? 1 : wanted > kMaxRowSlices ? kMaxRowSlices : wanted);
    return {rows, columns, slices, (rows + slices - 1) / slices};
  }
  /// Partial sums of 8 bytes each.
  std::size_t workspace_bytes() const {
    return slices == 1 ? 0 : static_cast<std::size_t>(slices) * static_cast<std::size_t>(columns) * 2 * 8;
  }
  dim3 grid() const { return dim3(static_cast<unsigned>((columns + kColumnTile - 1) / kColumnTile), slices); }
  static dim3 block() { return dim3(kColumnTile, kRowChains); }
};

template <class Sum>
struct SumPair {
  Sum a;
  Sum b;
};

/// Adds term(row, column) over all rows and calls store(column, sums) once per column, in one thread. Chain y of a
/// slice adds every kRowChains-th row; chains are added in order, then slices in order, whichever block ends last.
template <class Sum, class Term, class Store>
__device__ void sum_columns(const ColumnSums& plan, void* partials, unsigned* tickets, Term term, Store store) {
  static_assert(sizeof(Sum) == 8);
  __shared__ SumPair<Sum> chains[kRowChains][kColumnTile];
  const int column = static_cast<int>(blockIdx.x) * kColumnTile + static_cast<int>(threadIdx.x);
  const std::int64_t first = blockIdx.y * plan.per_slice;
  const std::int64_t end = first + plan.per_slice < plan.rows ? first + plan.per_slice : plan.rows;
  SumPair<Sum> sum{0, 0};
  for (std::int64_t row = first + threadIdx.y; column < plan.columns && row < end; row += kRowChains) {
    const SumPair<Sum> t = term(row, column);
    sum.a += t.a;
    sum.b += t.b;
  }
  chains[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  const bool adds = threadIdx.y == 0 && column < plan.columns;
  if (adds) {
    for (int y = 1; y < kRowChains; ++y) {
      sum.a += chains[y][threadIdx.x].a;
      sum.b += chains[y][threadIdx.x].b;
    }
  }
  if (gridDim.y == 1) {
    if (adds) {
      store(column, sum);
    }
    return;
  }
  auto* slices = static_cast<SumPair<Sum>*>(partials);  // [slice][column]
  if (adds) {
    slices[static_cast<std::int64_t>(blockIdx.y) * plan.columns + column] = sum;
  }
  if (!is_last_block(tickets + blockIdx.x, gridDim.y) || !adds) {
    return;
  }
  sum = {0, 0};
  for (unsigned s = 0; s < gridDim.y; ++s) {
    const SumPair<Sum>* slice = slices + static_cast<std::int64_t>(s) * plan.columns + column;
    sum.a += __ldcg(&slice->a);  // from L2, where the other blocks wrote it
    sum.b += __ldcg(&slice->b);
  }
  store(column, sum);
}

}  // namespace bnas::cuda
