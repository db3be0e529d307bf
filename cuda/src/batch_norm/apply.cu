// SPDX-License-Identifier: Apache-2.0
// Normalization, and its sign without storing it: both from batch_norm_affine, the one agreed form.
#include "batch_norm/numbers.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kElementsPerThread = 4;  // on average; a block's prologue costs as much as several elements

struct AffineTile {
  float mean[kChannelTile];
  float scale[kChannelTile];
  float beta[kChannelTile];

  __device__ void load(const BatchNormOperands& operands, const ChannelTile& tile) {
    for (int c = static_cast<int>(threadIdx.x); c < tile.width; c += static_cast<int>(blockDim.x)) {
      const int channel = tile.first + c;
      mean[c] = operands.mean[channel];
      scale[c] = operands.gamma[channel] * reciprocal_std(operands.variance[channel], operands.eps);
      beta[c] = operands.beta[channel];
    }
    __syncthreads();
  }
  __device__ float at(float x, int c) const { return batch_norm_affine(x, mean[c], scale[c], beta[c]); }
};

template <class T>
__global__ void batch_norm_apply_kernel(const T* x, std::int64_t rows, int channels, BatchNormOperands operands,
                                        float* y) {
  __shared__ AffineTile affine;
  const ChannelTile tile = channel_tile(channels);
  affine.load(operands, tile);
  grid_stride(rows * tile.width, [&](std::int64_t i) {
    const std::int64_t row = i / tile.width;
    const int c = static_cast<int>(i - row * tile.width);
    const std::int64_t at = row * channels + tile.first + c;
    y[at] = affine.at(static_cast<float>(x[at]), c);
  });
}

/// A warp per word: lanes are channels, ballots are the packed words.
template <class T>
__global__ void batch_norm_sign_kernel(const T* x, std::int64_t rows, int channels, BatchNormOperands operands,
                                       Word* bits, Word* mask) {
  __shared__ AffineTile affine;
  const ChannelTile tile = channel_tile(channels);
  affine.load(operands, tile);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int tile_words = static_cast<int>(words_for(tile.width));
  const std::int64_t row_words = words_for(channels);
  const std::int64_t warps = static_cast<std::int64_t>(gridDim.x) * (blockDim.x / kWarp);
  const std::int64_t warp = static_cast<std::int64_t>(blockIdx.x) * (blockDim.x / kWarp) + threadIdx.x / kWarp;
  for (std::int64_t i = warp; i < rows * tile_words; i += warps) {
    const std::int64_t row = i / tile_words;
    const int word = static_cast<int>(i - row * tile_words);
    const int c = word * kWordBits + lane;
    const bool inside = c < tile.width;
    const float y = inside ? affine.at(static_cast<float>(x[row * channels + tile.first + c]), c) : 0.0F;
    const Word signs = __ballot_sync(~0U, y < 0.0F);
    const Word small = __ballot_sync(~0U, inside && fabsf(y) <= 1.0F);
    const std::int64_t at = row * row_words + tile.first / kWordBits + word;
    if (lane == 0) {
      bits[at] = signs;
    }
    if (mask != nullptr && lane == 1) {
      mask[at] = small;
    }
  }
}

bool is_valid(const NumberRows& x, const BatchNormOperands& operands) {
  return x.rows >= 0 && x.channels > 0 && (x.data != nullptr || x.rows == 0) && is_complete(operands) &&
         operands.beta != nullptr;
}

}  // namespace

Status batch_norm_apply(const NumberRows& x, const BatchNormOperands& operands, float* y, cudaStream_t stream) {
  if (!is_valid(x, operands) || (y == nullptr && x.rows > 0)) {
    return invalid_argument("batch_norm_apply: a pointer is null, or there are no channels");
  }
  if (x.rows == 0) {
    return {};
  }
  const dim3 grid = tiled_grid(blocks_for(x.rows * x.channels, kBlockThreads * kElementsPerThread), x.channels);
  visit_numbers(x, [&](auto* data) {
    batch_norm_apply_kernel<<<grid, kBlockThreads, 0, stream>>>(data, x.rows, x.channels, operands, y);
  });
  return launched("batch_norm_apply");
}

Status batch_norm_sign(const NumberRows& x, const BatchNormOperands& operands, Word* bits, Word* mask,
                       cudaStream_t stream) {
  if (!is_valid(x, operands) || (bits == nullptr && x.rows > 0)) {
    return invalid_argument("batch_norm_sign: a pointer is null, or there are no channels");
  }
  if (x.rows == 0) {
    return {};
  }
  const std::int64_t lanes = x.rows * words_for(x.channels) * kWordBits;
  const dim3 grid = tiled_grid(blocks_for(lanes, kBlockThreads * kElementsPerThread), x.channels);
  visit_numbers(x, [&](auto* data) {
    batch_norm_sign_kernel<<<grid, kBlockThreads, 0, stream>>>(data, x.rows, x.channels, operands, bits, mask);
  });
  return launched("batch_norm_sign");
}

}  // namespace bnas::cuda
