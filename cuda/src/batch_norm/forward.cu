// SPDX-License-Identifier: Apache-2.0
#include "batch_norm/arguments.hpp"
#include "batch_norm/moments.cuh"

namespace bnas::cuda {
namespace {

/// Moments that are known, or computed from sums by every block for its channels, and written by the first slice.
__device__ Moments moments_of(const KnownMoments& known, const TileGrid&, std::int64_t channel) {
  return {known.mean[channel], known.variance[channel]};
}
__device__ Moments moments_of(const BatchSums& from, const TileGrid& g, std::int64_t channel) {
  const Moments moments = moments_of_channel(from.sums, g.rows, g.channels, channel);
  if (blockIdx.x == 0) {
    write_moments(from.moments, channel, moments, g.rows);
  }
  return moments;
}

/// batch_norm_affine of a thread's four channels.
struct Affine {
  ColumnConstants constants;  // mean, scale, beta

  __device__ float operator()(float x, int i) const {
    return batch_norm_affine(x, constants.a.v[i], constants.b.v[i], constants.c.v[i]);
  }
};

/// All threads of the block call it.
template <class Statistics>
__device__ Affine affine_of_column(const TileGrid& g, const TileThread& thread, const Statistics& statistics,
                                   const NormScale& norm) {
  return {column_constants(g, thread, [&](std::int64_t channel, float& mean, float& scale, float& beta) {
    const Moments moments = moments_of(statistics, g, channel);
    mean = moments.mean;
    scale = norm.gamma[channel] * reciprocal_std(moments.variance, norm.eps);
    beta = norm.beta[channel];
  })};
}

/// y may be x.
template <class T, class Statistics>
__global__ void __launch_bounds__(kTileThreads)
    batch_norm_apply_kernel(const __grid_constant__ TileGrid g, const T* x,
                            const __grid_constant__ Statistics statistics, const __grid_constant__ NormScale norm,
                            float* y) {
  const TileThread thread(g);
  const Affine affine = affine_of_column(g, thread, statistics, norm);
  for_each_tile_row(g, thread, [&](const Quad& quad) {
    const Four<T> four = load(x, quad, T{0});
    Four<float> normalized;
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      normalized.v[i] = affine(static_cast<float>(four.v[i]), i);
    }
    store(y, quad, normalized);
  });
}

/// Columns of a word are neighbours in a warp: g.columns is a multiple of kWordThreads.
template <class T, class Statistics>
__global__ void __launch_bounds__(kTileThreads)
    batch_norm_sign_kernel(const __grid_constant__ TileGrid g, const T* __restrict__ x,
                           const __grid_constant__ Statistics statistics, const __grid_constant__ NormScale norm,
                           Word* __restrict__ bits, Word* __restrict__ mask) {
  const TileThread thread(g);
  const Affine affine = affine_of_column(g, thread, statistics, norm);
  for_each_tile_row(g, thread, [&](const Quad& quad) {
    const Four<T> four = load(x, quad, T{0});
    Word negative = 0U;
    Word inside = 0U;
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      const float y = affine(static_cast<float>(four.v[i]), i);
      const bool exists = i < quad.count;
      negative |= (exists ? sign_bit(y) : 0U) << i;
      inside |= (exists && fabsf(y) <= 1.0F ? 1U : 0U) << i;
    }
    negative = join_bits(negative << quad.shift);
    inside = join_bits(inside << quad.shift);
    if (quad.shift == 0 && quad.count > 0) {
      bits[quad.word] = negative;
      if (mask != nullptr) {
        mask[quad.word] = inside;
      }
    }
  });
}

bool is_valid(const KnownMoments& m) { return m.mean != nullptr && m.variance != nullptr; }
bool is_valid(const BatchSums& s) { return s.sums != nullptr && bnas::cuda::is_valid(s.moments); }

template <class Statistics>
bool is_valid(const NormInput& x, const Statistics& statistics, const NormScale& scale, const void* out) {
  return bnas::cuda::is_valid(x) && (x.rows * x.channels == 0 || (is_valid(statistics) && scale.gamma != nullptr &&
                                                                  scale.beta != nullptr && out != nullptr));
}

template <class Statistics>
Status launch_apply(const NormInput& x, const Statistics& statistics, const NormScale& scale, float* y,
                    cudaStream_t stream, const BatchNormPolicy& policy) {
  if (!is_valid(x, statistics, scale, y)) {
    return invalid_argument("batch_norm_apply: an array is null or a size is not valid");
  }
  if (x.rows * x.channels == 0) {
    return {};
  }
  const TileGrid g = tile_grid(x.rows, x.channels, {.block_values = policy.map_values, .blocks = policy.map_blocks});
  return with_number_type(x.type, [&](auto type) {
    using T = decltype(type);
    batch_norm_apply_kernel<<<g.grid(), kTileThreads, 0, stream>>>(g, static_cast<const T*>(x.x), statistics, scale, y);
    return launched("batch_norm_apply");
  });
}

template <class Statistics>
Status launch_sign(const NormInput& x, const Statistics& statistics, const NormScale& scale, Word* bits, Word* mask,
                   cudaStream_t stream, const BatchNormPolicy& policy) {
  if (!is_valid(x, statistics, scale, bits)) {
    return invalid_argument("batch_norm_sign: an array is null or a size is not valid");
  }
  if (x.rows * x.channels == 0) {
    return {};
  }
  const TileGrid g =
      tile_grid(x.rows, x.channels,
                {.column_unit = kWordThreads, .block_values = policy.map_values, .blocks = policy.map_blocks});
  return with_number_type(x.type, [&](auto type) {
    using T = decltype(type);
    batch_norm_sign_kernel<<<g.grid(), kTileThreads, 0, stream>>>(g, static_cast<const T*>(x.x), statistics, scale,
                                                                  bits, mask);
    return launched("batch_norm_sign");
  });
}

}  // namespace

Status batch_norm_apply(const NormInput& x, const KnownMoments& moments, const NormScale& scale, float* y,
                        cudaStream_t stream, const BatchNormPolicy& policy) {
  return launch_apply(x, moments, scale, y, stream, policy);
}

Status batch_norm_apply(const NormInput& x, const BatchSums& sums, const NormScale& scale, float* y,
                        cudaStream_t stream, const BatchNormPolicy& policy) {
  return launch_apply(x, sums, scale, y, stream, policy);
}

Status batch_norm_sign(const NormInput& x, const KnownMoments& moments, const NormScale& scale, Word* bits, Word* mask,
                       cudaStream_t stream, const BatchNormPolicy& policy) {
  return launch_sign(x, moments, scale, bits, mask, stream, policy);
}

Status batch_norm_sign(const NormInput& x, const BatchSums& sums, const NormScale& scale, Word* bits, Word* mask,
                       cudaStream_t stream, const BatchNormPolicy& policy) {
  return launch_sign(x, sums, scale, bits, mask, stream, policy);
}

}  // namespace bnas::cuda
