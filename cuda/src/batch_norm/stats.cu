// SPDX-License-Identifier: Apache-2.0
#include "batch_norm/arguments.hpp"
#include "batch_norm/moments.cuh"
#include "batch_norm/tile_sum.cuh"

namespace bnas::cuda {
namespace {

/// Integers are summed exactly; a double holds the square of a float.
template <class T>
struct SumOf {
  using Type = long long;
};
template <>
struct SumOf<float> {
  using Type = double;
};

template <class T>
__global__ void __launch_bounds__(kTileThreads)
    batch_norm_stats_kernel(const __grid_constant__ TileGrid g, const T* __restrict__ x,
                            const __grid_constant__ BatchMoments moments, typename SumOf<T>::Type* partials,
                            unsigned* tickets) {
  using Sum = typename SumOf<T>::Type;
  const TileThread thread(g);
  Sum sums[kTileSums] = {};
  for_each_tile_row(g, thread, [&](const Quad& quad) {
    const Four<T> four = load(x, quad, T{0});
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      const Sum v = four.v[i];
      sums[i] += v;
      sums[kQuad + i] += v * v;
    }
  });
  finish_tile_sum(g, thread, sums, partials, tickets, [&](std::int64_t channel, Sum sum, Sum squares) {
    if constexpr (std::is_same_v<Sum, double>) {
      write_moments(moments, channel, moments_from_sums(sum, squares, g.rows), g.rows);
    } else {
      write_moments(moments, channel,
                    moments_from_sums(static_cast<std::int64_t>(sum), static_cast<std::int64_t>(squares), g.rows),
                    g.rows);
    }
  });
}

__global__ void batch_norm_moments_kernel(const __grid_constant__ BatchSums from, std::int64_t rows,
                                          std::int64_t channels) {
  grid_stride(channels, [&](std::int64_t c) {
    write_moments(from.moments, c, moments_of_channel(from.sums, rows, channels, c), rows);
  });
}

TileGrid stats_grid(const NormInput& x, const BatchNormPolicy& policy) {
  return tile_grid(x.rows, x.channels, {.block_values = policy.sum_values, .blocks = policy.sum_blocks});
}

}  // namespace

std::size_t batch_norm_stats_workspace_bytes(const NormInput& x, const BatchNormPolicy& policy) {
  return x.rows > 0 && x.channels > 0 ? tile_sum_bytes(stats_grid(x, policy)) : 0;
}

Status batch_norm_stats(const NormInput& x, const BatchMoments& moments, const Scratch& scratch, cudaStream_t stream,
                        const BatchNormPolicy& policy) {
  if (!is_valid(x) || x.rows == 0 || !is_valid(moments)) {
    return invalid_argument("batch_norm_stats: x is null or has no rows, or moments are null");
  }
  if (x.channels == 0) {
    return {};
  }
  const TileGrid g = stats_grid(x, policy);
  if (g.slices > 1 && (scratch.tickets == nullptr || g.tiles > kTickets)) {
    return invalid_argument("batch_norm_stats: no tickets, or more channels than tickets serve");
  }
  if (scratch.bytes < tile_sum_bytes(g) || (g.slices > 1 && scratch.data == nullptr)) {
    return {StatusCode::workspace_too_small, 0, "batch_norm_stats"};
  }
  return with_number_type(x.type, [&](auto type) {
    using T = decltype(type);
    batch_norm_stats_kernel<<<g.grid(), kTileThreads, 0, stream>>>(
        g, static_cast<const T*>(x.x), moments, static_cast<typename SumOf<T>::Type*>(scratch.data), scratch.tickets);
    return launched("batch_norm_stats");
  });
}

Status batch_norm_moments(const BatchSums& sums, std::int64_t rows, std::int64_t channels, cudaStream_t stream) {
  if (rows < 1 || channels < 0 || (channels > 0 && (sums.sums == nullptr || !is_valid(sums.moments)))) {
    return invalid_argument("batch_norm_moments: no rows, or sums or moments are null");
  }
  if (channels == 0) {
    return {};
  }
  batch_norm_moments_kernel<<<blocks_for(channels), kBlockThreads, 0, stream>>>(sums, rows, channels);
  return launched("batch_norm_moments");
}

}  // namespace bnas::cuda
