// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/lstm.hpp"

#include "support/divide.cuh"
#include "support/launch.cuh"
#include "support/lstm_gates.cuh"

namespace bnas::cuda {
namespace {

/// Where the gates of unit k of all n * hidden begin; the others follow at distances of `hidden`.
__device__ std::int64_t gates_of(std::int64_t k, int hidden) {
  return k + 3 * divide(k, hidden) * static_cast<std::int64_t>(hidden);
}

__device__ float value_or_zero(const float* x, std::int64_t i) { return x == nullptr ? 0.0F : x[i]; }

/// v (1 - v): the derivative of the logistic function whose value is v.
__device__ float logistic_slope(float v) { return v * (1.0F - v); }

/// 1 - v v: the derivative of the tanh whose value is v.
__device__ float tanh_slope(float v) { return 1.0F - v * v; }

__global__ void lstm_cell_kernel(float* gates, const float* c_prev, std::int64_t units, int hidden, float* c,
                                 float* h) {
  grid_stride(units, [=](std::int64_t k) {
    float* const at = gates + gates_of(k, hidden);
    const LstmUnit u = lstm_unit(at[0], at[hidden], at[2 * hidden], at[3 * hidden], value_or_zero(c_prev, k));
    at[0] = u.input;
    at[hidden] = u.candidate;
    at[2 * hidden] = u.forget;
    at[3 * hidden] = u.output;
    c[k] = u.c;
    h[k] = u.h;
  });
}

__global__ void lstm_cell_backward_kernel(const __grid_constant__ LstmCellBackward a, std::int64_t units, int hidden) {
  grid_stride(units, [&](std::int64_t k) {
    const std::int64_t first = gates_of(k, hidden);
    const float* const at = a.gates + first;
    const float input = at[0], candidate = at[hidden], forget = at[2 * hidden], output = at[3 * hidden];
    const float squashed = tanhf(a.c[k]);
    const float dh = value_or_zero(a.dh, k);
    const float dcell = value_or_zero(a.dc, k) + dh * output * tanh_slope(squashed);
    float* const to = a.dgates + first;
    to[0] = dcell * candidate * logistic_slope(input);
    to[hidden] = dcell * input * tanh_slope(candidate);
    to[2 * hidden] = dcell * value_or_zero(a.c_prev, k) * logistic_slope(forget);
    to[3 * hidden] = dh * squashed * logistic_slope(output);
    if (a.dc_prev != nullptr) {
      a.dc_prev[k] = dcell * forget;
    }
  });
}

bool is_valid(std::int64_t n, int hidden) { return n >= 0 && hidden >= 0 && hidden < (1 << 28); }

}  // namespace

Status lstm_cell(float* gates, const float* c_prev, std::int64_t n, int hidden, float* c, float* h,
                 cudaStream_t stream) {
  if (!is_valid(n, hidden)) {
    return invalid_argument("lstm_cell: a length is negative or too large");
  }
  const std::int64_t units = n * hidden;
  if (units == 0) {
    return {};
  }
  if (gates == nullptr || c == nullptr || h == nullptr) {
    return invalid_argument("lstm_cell: gates, c or h is null");
  }
  lstm_cell_kernel<<<blocks_for(units), kBlockThreads, 0, stream>>>(gates, c_prev, units, hidden, c, h);
  return launched("lstm_cell");
}

Status lstm_cell_backward(const LstmCellBackward& call, std::int64_t n, int hidden, cudaStream_t stream) {
  if (!is_valid(n, hidden)) {
    return invalid_argument("lstm_cell_backward: a length is negative or too large");
  }
  const std::int64_t units = n * hidden;
  if (units == 0) {
    return {};
  }
  if (call.gates == nullptr || call.c == nullptr || call.dgates == nullptr) {
    return invalid_argument("lstm_cell_backward: gates, c or dgates is null");
  }
  lstm_cell_backward_kernel<<<blocks_for(units), kBlockThreads, 0, stream>>>(call, units, hidden);
  return launched("lstm_cell_backward");
}

}  // namespace bnas::cuda
