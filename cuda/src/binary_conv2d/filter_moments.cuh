// SPDX-License-Identifier: Apache-2.0
// Sums of dot products and of their squares per filter: of a thread in registers, of a block in shared memory, of all
// in global memory. Integers throughout, so that no order matters.
#pragma once

#include <type_traits>

#include "bnas/cuda/conv_tile.hpp"
#include "support/conv_patch.cuh"
#include "support/last_block.cuh"
#include "support/pixels.cuh"

namespace bnas::cuda {

/// Where sums per filter go; see binary_conv2d().
struct FilterSums {
  std::int64_t* added = nullptr;  // 2 O, to which blocks add; null: no sums are wanted
  std::int64_t* taken = nullptr;  // 2 O, to which the last block of a filter moves them; null: they stay
  unsigned* tickets = nullptr;    // one for each tile of filters, where they are moved
};

/// Of kFilters filters over the pixels of a thread: fewer than 2^16, as a tile has.
template <class T, int kFilters>
struct FilterMoments {
  std::conditional_t<sizeof(T) == 4, std::int64_t, int> sum[kFilters] = {};
  std::conditional_t<sizeof(T) == 1, int, std::int64_t> square[kFilters] = {};

  __device__ void add(int filter, int dot) {
    sum[filter] += dot;
    square[filter] += static_cast<std::remove_reference_t<decltype(square[0])>>(dot) * dot;
  }
};

/// The sum of v[row] over the eight lanes 4 row + quad, row = 0 to 7, of each quad; `row` is the caller's.
template <class S>
__device__ S sum_over_rows(S (&v)[8], int row) {
#pragma unroll
  for (int half = 4; half >= 1; half /= 2) {
    const bool upper = (row & half) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const S kept = upper ? v[i + half] : v[i];
      const S given = upper ? v[i] : v[i + half];
      v[i] = kept + __shfl_xor_sync(~0U, given, 4 * half);
    }
  }
  return v[0];
}

/// Adds the moments [part][sum, square][filter] of `filters` filters from first_filter on, `width` of them apart.
__device__ inline void add_moments(const FilterSums& sums, int o, const std::int64_t* moments, int parts, int width,
                                   int first_filter, int filters) {
  for (int i = static_cast<int>(threadIdx.x); i < 2 * filters; i += static_cast<int>(blockDim.x)) {
    const bool squares = i >= filters;
    const int filter = squares ? i - filters : i;
    std::int64_t sum = 0;
    for (int part = 0; part < parts; ++part) {
      sum += moments[(2 * part + squares) * width + filter];
    }
    auto* added = reinterpret_cast<unsigned long long*>(sums.added) + (squares ? o : 0) + first_filter + filter;
    atomicAdd(added, static_cast<unsigned long long>(sum));
  }
}

/// The last block of these filters moves their sums and leaves zeros.
__device__ inline void take_sums(const FilterSums& sums, int o, const ConvTile& tile, const BlockPart& part) {
  const auto tiles = static_cast<unsigned>(tile.tiles_o);
  if (!is_last_block(sums.tickets + blockIdx.x % tiles, gridDim.x / tiles)) {
    return;
  }
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < 2 * part.filters; i += static_cast<int>(blockDim.x)) {
    const int at = part.o + (i < part.filters ? i : o + i - part.filters);
    sums.taken[at] =
        static_cast<std::int64_t>(atomicExch(reinterpret_cast<unsigned long long*>(sums.added) + at, 0ULL));
  }
}

}  // namespace bnas::cuda
