// SPDX-License-Identifier: Apache-2.0
// With g = dy under the mask and xhat = (x - mean) rstd: dbeta = sum g, dgamma = sum g xhat,
// dx = gamma rstd (g - dbeta / rows - xhat dgamma / rows), or gamma rstd g where the statistics are frozen.
#include "batch_norm/numbers.cuh"
#include "support/column_sums.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kElementsPerThread = 4;  // on average; a block's prologue costs as much as several elements

struct Upstream {
  const float* dy;
  const Word* mask;  // null: all ones
  int channels;

  __device__ float at(std::int64_t row, int channel) const {
    if (mask != nullptr) {
      const Word word = mask[row * words_for(channels) + channel / kWordBits];
      if ((word >> (channel % kWordBits) & 1U) == 0U) {
        return 0.0F;
      }
    }
    return dy[row * channels + channel];
  }
};

/// Means of g and g xhat, which dx subtracts: f32 [2][channels].
template <class T>
__global__ void __launch_bounds__(kColumnTile* kRowChains)
    batch_norm_backward_sums_kernel(Upstream upstream, const T* x, BatchNormOperands operands,
                                    BatchNormGradients gradients, ColumnSums plan, float* means, void* partials,
                                    unsigned* tickets) {
  __shared__ float mean[kColumnTile];
  __shared__ float rstd[kColumnTile];
  const int own = static_cast<int>(blockIdx.x) * kColumnTile + static_cast<int>(threadIdx.x);
  if (threadIdx.y == 0 && own < plan.columns) {
    mean[threadIdx.x] = operands.mean[own];
    rstd[threadIdx.x] = reciprocal_std(operands.variance[own], operands.eps);
  }
  __syncthreads();
  sum_columns<double>(
      plan, partials, tickets,
      [&](std::int64_t row, int channel) {
        const float g = upstream.at(row, channel);
        const float xhat =
            (static_cast<float>(x[row * plan.columns + channel]) - mean[threadIdx.x]) * rstd[threadIdx.x];
        return SumPair<double>{static_cast<double>(g), static_cast<double>(g * xhat)};
      },
      [&](int channel, SumPair<double> sum) {
        if (gradients.dbeta != nullptr) {
          write(gradients.dbeta + channel, static_cast<float>(sum.a), gradients.accumulate_dbeta);
        }
        if (gradients.dgamma != nullptr) {
          write(gradients.dgamma + channel, static_cast<float>(sum.b), gradients.accumulate_dgamma);
        }
        if (means != nullptr) {
          const auto rows = static_cast<double>(plan.rows);
          means[channel] = static_cast<float>(sum.a / rows);
          means[plan.columns + channel] = static_cast<float>(sum.b / rows);
        }
      });
}

struct GradientTile {
  float mean[kChannelTile];
  float rstd[kChannelTile];
  float scale[kChannelTile];
  float mean_dy[kChannelTile];
  float mean_dy_xhat[kChannelTile];
};

/// `means` null: frozen statistics.
template <class T>
__global__ void batch_norm_backward_input_kernel(Upstream upstream, const T* x, std::int64_t rows,
                                                 BatchNormOperands operands, const float* means, float* dx,
                                                 bool accumulate) {
  __shared__ GradientTile of;
  const int channels = upstream.channels;
  const ChannelTile tile = channel_tile(channels);
  for (int c = static_cast<int>(threadIdx.x); c < tile.width; c += static_cast<int>(blockDim.x)) {
    const int channel = tile.first + c;
    of.mean[c] = operands.mean[channel];
    of.rstd[c] = reciprocal_std(operands.variance[channel], operands.eps);
    of.scale[c] = operands.gamma[channel] * of.rstd[c];
    of.mean_dy[c] = means == nullptr ? 0.0F : means[channel];
    of.mean_dy_xhat[c] = means == nullptr ? 0.0F : means[channels + channel];
  }
  __syncthreads();
  grid_stride(rows * tile.width, [&](std::int64_t i) {
    const std::int64_t row = i / tile.width;
    const int c = static_cast<int>(i - row * tile.width);
    const std::int64_t at = row * channels + tile.first + c;
    const float xhat = (static_cast<float>(x[at]) - of.mean[c]) * of.rstd[c];
    const float centered = upstream.at(row, tile.first + c) - of.mean_dy[c] - xhat * of.mean_dy_xhat[c];
    write(dx + at, of.scale[c] * centered, accumulate);
  });
}

std::size_t means_bytes(int channels) {
  return (static_cast<std::size_t>(channels) * 2 * sizeof(float) + 255) / 256 * 256;
}

}  // namespace

std::size_t batch_norm_backward_workspace_bytes(std::int64_t rows, int channels) {
  return means_bytes(channels) + ColumnSums::plan(rows, channels).workspace_bytes();
}

Status batch_norm_backward(const float* dy, const Word* mask, const NumberRows& x, const BatchNormOperands& operands,
                           bool frozen, const BatchNormGradients& gradients, const Scratch& scratch,
                           cudaStream_t stream) {
  if (x.rows <= 0 || x.channels <= 0 || x.channels > kTickets * kColumnTile) {
    return invalid_argument("batch_norm_backward: there must be rows, and 1 to 32768 channels");
  }
  if (dy == nullptr || x.data == nullptr || !is_complete(operands)) {
    return invalid_argument("batch_norm_backward: a pointer is null");
  }
  if (scratch.data == nullptr || scratch.bytes < batch_norm_backward_workspace_bytes(x.rows, x.channels) ||
      scratch.tickets == nullptr) {
    return {StatusCode::workspace_too_small, 0, "batch_norm_backward"};
  }
  const Upstream upstream{dy, mask, x.channels};
  const bool through_moments = gradients.dx != nullptr && !frozen;
  auto* means = through_moments ? static_cast<float*>(scratch.data) : nullptr;
  if (through_moments || gradients.dgamma != nullptr || gradients.dbeta != nullptr) {
    const ColumnSums plan = ColumnSums::plan(x.rows, x.channels);
    void* partials = static_cast<char*>(scratch.data) + means_bytes(x.channels);
    visit_numbers(x, [&](auto* data) {
      batch_norm_backward_sums_kernel<<<plan.grid(), ColumnSums::block(), 0, stream>>>(
          upstream, data, operands, gradients, plan, means, partials, scratch.tickets);
    });
  }
  if (gradients.dx != nullptr) {
    const dim3 grid = tiled_grid(blocks_for(x.rows * x.channels, kBlockThreads * kElementsPerThread), x.channels);
    visit_numbers(x, [&](auto* data) {
      batch_norm_backward_input_kernel<<<grid, kBlockThreads, 0, stream>>>(upstream, data, x.rows, operands, means,
                                                                           gradients.dx, gradients.accumulate_dx);
    });
  }
  return launched("batch_norm_backward");
}

}  // namespace bnas::cuda
