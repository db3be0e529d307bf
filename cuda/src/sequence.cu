// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/sequence.hpp"

#include "support/device_error.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

__global__ void embedding_kernel(const float* table, int vocabulary, int width, const std::int32_t* ids, int n,
                                 float* y, DeviceError* error) {
  grid_stride(static_cast<std::int64_t>(n) * width, [=](std::int64_t i) {
    const std::int64_t row = i / width;
    const auto column = static_cast<int>(i - row * width);
    const std::int32_t id = ids[row];
    const bool known =
        column == 0 ? index_in_range(error, IndexCheck::embedding, row, id, vocabulary) : id >= 0 && id < vocabulary;
    y[i] = known ? table[static_cast<std::int64_t>(id) * width + column] : 0.0F;
  });
}

/// A thread per element of the table, which reads all ids: vocabularies and batches of a surrogate are small.
__global__ void embedding_backward_kernel(const float* dy, const std::int32_t* ids, int n, int vocabulary, int width,
                                          float* dtable, bool accumulate) {
  grid_stride(static_cast<std::int64_t>(vocabulary) * width, [=](std::int64_t i) {
    const std::int64_t id = i / width;
    const std::int64_t column = i - id * width;
    float sum = accumulate ? dtable[i] : 0.0F;
    for (int row = 0; row < n; ++row) {
      if (ids[row] == id) {
        sum += dy[static_cast<std::int64_t>(row) * width + column];
      }
    }
    dtable[i] = sum;
  });
}

__device__ float logistic(float x) { return 1.0F / (1.0F + expf(-x)); }
/// Derivatives of sigmoid and tanh by their values.
__device__ float logistic_slope(float v) { return v * (1.0F - v); }
__device__ float tanh_slope(float v) { return 1.0F - v * v; }

__global__ void lstm_cell_kernel(float* gates, const float* c_prev, float* c, float* h, int n, int hidden) {
  grid_stride(static_cast<std::int64_t>(n) * hidden, [=](std::int64_t k) {
    const std::int64_t row = k / hidden;
    float* at = gates + row * 4 * hidden + (k - row * hidden);
    const float input = logistic(at[0]);
    const float candidate = tanhf(at[hidden]);
    const float forget = logistic(at[2 * hidden] + 1.0F);
    const float output = logistic(at[3 * hidden]);
    const float cell = (c_prev == nullptr ? 0.0F : forget * c_prev[k]) + input * candidate;
    at[0] = input;
    at[hidden] = candidate;
    at[2 * hidden] = forget;
    at[3 * hidden] = output;
    c[k] = cell;
    h[k] = output * tanhf(cell);
  });
}

__global__ void lstm_cell_backward_kernel(const float* dh, const float* dc, const float* gates, const float* c_prev,
                                          const float* c, float* dgates, float* dc_prev, int n, int hidden) {
  grid_stride(static_cast<std::int64_t>(n) * hidden, [=](std::int64_t k) {
    const std::int64_t row = k / hidden;
    const std::int64_t at = row * 4 * hidden + (k - row * hidden);
    const float input = gates[at];
    const float candidate = gates[at + hidden];
    const float forget = gates[at + 2 * hidden];
    const float output = gates[at + 3 * hidden];
    const float squashed = tanhf(c[k]);
    const float upstream = dh == nullptr ? 0.0F : dh[k];
    const float dcell = (dc == nullptr ? 0.0F : dc[k]) + upstream * output * tanh_slope(squashed);
    dgates[at] = dcell * candidate * logistic_slope(input);
    dgates[at + hidden] = dcell * input * tanh_slope(candidate);
    dgates[at + 2 * hidden] = dcell * (c_prev == nullptr ? 0.0F : c_prev[k]) * logistic_slope(forget);
    dgates[at + 3 * hidden] = upstream * squashed * logistic_slope(output);
    if (dc_prev != nullptr) {
      dc_prev[k] = dcell * forget;
    }
  });
}

}  // namespace

Status embedding(const float* table, int vocabulary, int width, const std::int32_t* ids, int n, float* y,
                 DeviceError* error, cudaStream_t stream) {
  if (n < 0 || vocabulary < 1 || width < 1 || table == nullptr || (n > 0 && (ids == nullptr || y == nullptr))) {
    return invalid_argument("embedding: a pointer is null, or the table is empty");
  }
  if (n == 0) {
    return {};
  }
  embedding_kernel<<<blocks_for(static_cast<std::int64_t>(n) * width), kBlockThreads, 0, stream>>>(
      table, vocabulary, width, ids, n, y, error);
  return launched("embedding");
}

Status embedding_backward(const float* dy, const std::int32_t* ids, int n, int vocabulary, int width, float* dtable,
                          bool accumulate, cudaStream_t stream) {
  if (n < 0 || vocabulary < 1 || width < 1 || dtable == nullptr || (n > 0 && (ids == nullptr || dy == nullptr))) {
    return invalid_argument("embedding_backward: a pointer is null, or the table is empty");
  }
  embedding_backward_kernel<<<blocks_for(static_cast<std::int64_t>(vocabulary) * width), kBlockThreads, 0, stream>>>(
      dy, ids, n, vocabulary, width, dtable, accumulate);
  return launched("embedding_backward");
}

Status lstm_cell(float* gates, const float* c_prev, float* c, float* h, int n, int hidden, cudaStream_t stream) {
  if (n < 0 || hidden < 1 || (n > 0 && (gates == nullptr || c == nullptr || h == nullptr))) {
    return invalid_argument("lstm_cell: gates, c or h is null, or hidden is not positive");
  }
  if (n == 0) {
    return {};
  }
  lstm_cell_kernel<<<blocks_for(static_cast<std::int64_t>(n) * hidden), kBlockThreads, 0, stream>>>(gates, c_prev, c, h,
                                                                                                    n, hidden);
  return launched("lstm_cell");
}

Status lstm_cell_backward(const float* dh, const float* dc, const float* gates, const float* c_prev, const float* c,
                          float* dgates, float* dc_prev, int n, int hidden, cudaStream_t stream) {
  if (n < 0 || hidden < 1 || (n > 0 && (gates == nullptr || c == nullptr || dgates == nullptr))) {
    return invalid_argument("lstm_cell_backward: gates, c or dgates is null, or hidden is not positive");
  }
  if (n == 0) {
    return {};
  }
  lstm_cell_backward_kernel<<<blocks_for(static_cast<std::int64_t>(n) * hidden), kBlockThreads, 0, stream>>>(
      dh, dc, gates, c_prev, c, dgates, dc_prev, n, hidden);
  return launched("lstm_cell_backward");
}

}  // namespace bnas::cuda
