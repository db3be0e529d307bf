// SPDX-License-Identifier: Apache-2.0
// How warps share the outputs of a block on tensor cores: 16 pixels x 32 filters at a time.
#pragma once

#include "binary_conv2d/block.cuh"

namespace bnas::cuda {

inline constexpr int kTilePixels = 16;
inline constexpr int kColumnFilters = 8;  // of one instruction
inline constexpr int kColumns = 4;

/// One warp's tile: a lane sees pixels `pixel[0]` and `pixel[1]` = row and row + 8, clamped to the last one, and
/// accumulates filters first_filter + 8 column + 2 quad + {0, 1} of both.
struct TensorTile {
  int row, quad;
  int first_pixel, first_filter;
  int columns;           // in use, the same in every lane
  int column[kColumns];  // first filter of each behind first_filter; those not in use repeat the last one
  int pixel[2];
  int c[kColumns][4];

  __device__ TensorTile(int unit, int pixels, int filters)
      : row(static_cast<int>(threadIdx.x) % 32 / 4), quad(static_cast<int>(threadIdx.x) % 4), c{} {
    const int groups = (filters + kColumns * kColumnFilters - 1) / (kColumns * kColumnFilters);
    first_pixel = unit / groups * kTilePixels;
    first_filter = unit % groups * kColumns * kColumnFilters;
    columns = min(kColumns, (filters - first_filter + kColumnFilters - 1) / kColumnFilters);
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      column[i] = min(i, columns - 1) * kColumnFilters;
    }
    pixel[0] = min(first_pixel + row, pixels - 1);
    pixel[1] = min(first_pixel + row + 8, pixels - 1);
  }

  static __device__ int count(int pixels, int filters) {
    constexpr int kFilters = kColumns * kColumnFilters;
    return (pixels + kTilePixels - 1) / kTilePixels * ((filters + kFilters - 1) / kFilters);
  }

  /// Calls visit(half, filter, c) for what this lane accumulated; half 0 is pixel[0], half 1 pixel[1].
  template <class Visit>
  __device__ void for_each(int pixels, Visit visit) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (first_pixel + row + 8 * half < pixels) {
#pragma unroll
        for (int i = 0; i < kColumns * 2; ++i) {
          if (i / 2 < columns) {
            visit(half, first_filter + i / 2 * kColumnFilters + 2 * quad + i % 2, c[i / 2][2 * half + i % 2]);
          }
        }
      }
    }
  }
};

/// Calls visit(tile) for each of this warp's tiles.
template <class Visit>
__device__ void for_each_tile(int pixels, int filters, Visit visit) {
  const int warps = static_cast<int>(blockDim.x) / 32;
  for (int unit = static_cast<int>(threadIdx.x) / 32; unit < TensorTile::count(pixels, filters); unit += warps) {
    TensorTile tile(unit, pixels, filters);
    visit(tile);
  }
}

}  // namespace bnas::cuda
