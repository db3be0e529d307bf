// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/loss.hpp"
#include "support/grid_sum.cuh"

namespace bnas::cuda {
namespace {

constexpr int kBlockRows = kBlockThreads / kWarp;  // of the matrix of pairs; a warp takes a row

/// Losses of one element and its derivative, from p - t, which is exact in double.
struct Absolute {
  __device__ static double loss(double d) { return fabs(d); }
  __device__ static double derivative(double d) { return d > 0.0 ? 1.0 : d < 0.0 ? -1.0 : 0.0; }
};
struct Square {
  __device__ static double loss(double d) { return d * d; }
  __device__ static double derivative(double d) { return 2.0 * d; }
};

template <class Loss>
__global__ void __launch_bounds__(kBlockThreads)
    regression_loss_kernel(const Predictions in, const LossResult result, double* partials, unsigned* ticket) {
  const double share = 1.0 / static_cast<double>(in.n);
  double sum[1] = {};
  grid_stride(in.n, [&](std::int64_t i) {
    const double d = static_cast<double>(in.p[i]) - static_cast<double>(in.target[i]);
    sum[0] += Loss::loss(d);
    result.grad[i] = static_cast<float>(Loss::derivative(d) * share);
  });
  if (grid_sum(sum, partials, ticket) && threadIdx.x == 0) {
    *result.loss = static_cast<float>(sum[0] * share);
  }
}

/// log(1 + exp(-d)) and its derivative -1 / (1 + exp(d)), by way of exp(-|d|), which cannot overflow.
struct Ranked {
  double loss, slope;

  __device__ explicit Ranked(double d) {
    const double small = exp(-fabs(d));
    loss = log1p(small) + (d < 0.0 ? -d : 0.0);
    slope = (d < 0.0 ? 1.0 : small) / (1.0 + small);
  }
};

/// The last block divides by the number of pairs, which is known only then: `slopes` (n) keeps the sums until it does.
__global__ void __launch_bounds__(kBlockThreads)
    pairwise_loss_kernel(const Predictions in, const LossResult result, double* slopes, double* partials,
                         unsigned* ticket) {
  const auto lane = static_cast<int>(threadIdx.x % kWarp);
  double sums[2] = {};  // of losses, of pairs
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kBlockRows + threadIdx.x / kWarp;
  for (std::int64_t i = first; i < in.n; i += static_cast<std::int64_t>(gridDim.x) * kBlockRows) {
    const auto p = static_cast<double>(in.p[i]);
    const float t = in.target[i];
    double slope = 0.0;
    for (std::int64_t j = lane; j < in.n; j += kWarp) {
      const auto other = static_cast<double>(in.p[j]);
      if (t > in.target[j]) {
        const Ranked pair(p - other);
        sums[0] += pair.loss;
        sums[1] += 1.0;
        slope -= pair.slope;
      } else if (t < in.target[j]) {
        slope += Ranked(other - p).slope;
      }
    }
    slope = warp_sum(slope);
    if (lane == 0) {
      slopes[i] = slope;
    }
  }
  if (!grid_sum(sums, partials, ticket)) {
    return;
  }
  __shared__ double share;
  if (threadIdx.x == 0) {
    share = sums[1] == 0.0 ? 0.0 : 1.0 / sums[1];
    *result.loss = static_cast<float>(sums[0] * share);
  }
  __syncthreads();  // also for the slopes of this block
  for (std::int64_t i = threadIdx.x; i < in.n; i += kBlockThreads) {
    result.grad[i] = static_cast<float>(__ldcg(slopes + i) * share);
  }
}

unsigned element_blocks(std::int64_t n) { return sum_blocks(n, 4 * kBlockThreads); }

bool is_valid(const Predictions& in, const LossResult& result) {
  return in.p != nullptr && in.target != nullptr && in.n > 0 && result.loss != nullptr && result.grad != nullptr;
}

template <class Loss>
Status launch(const char* op, const char* invalid, const Predictions& in, const LossResult& result,
              const Scratch& scratch, cudaStream_t stream) {
  if (!is_valid(in, result)) {
    return invalid_argument(invalid);
  }
  const unsigned blocks = element_blocks(in.n);
  if (const Status status = check_scratch(scratch, regression_loss_workspace_bytes(in.n), blocks, op); !status.ok()) {
    return status;
  }
  regression_loss_kernel<Loss>
      <<<blocks, kBlockThreads, 0, stream>>>(in, result, static_cast<double*>(scratch.data), scratch.tickets);
  return launched(op);
}

}  // namespace

std::size_t regression_loss_workspace_bytes(std::int64_t n) {
  const unsigned blocks = n > 0 ? element_blocks(n) : 0;
  return blocks > 1 ? blocks * sizeof(double) : 0;
}

Status l1_loss(const Predictions& predictions, const LossResult& result, const Scratch& scratch, cudaStream_t stream) {
  return launch<Absolute>("l1_loss", "l1_loss: an array is null or empty", predictions, result, scratch, stream);
}

Status mse_loss(const Predictions& predictions, const LossResult& result, const Scratch& scratch, cudaStream_t stream) {
  return launch<Square>("mse_loss", "mse_loss: an array is null or empty", predictions, result, scratch, stream);
}

std::size_t pairwise_loss_workspace_bytes(std::int64_t n) {
  return n > 0 ? (static_cast<std::size_t>(n) + 2 * std::size_t{sum_blocks(n, kBlockRows)}) * sizeof(double) : 0;
}

Status pairwise_loss(const Predictions& predictions, const LossResult& result, const Scratch& scratch,
                     cudaStream_t stream) {
  if (!is_valid(predictions, result)) {
    return invalid_argument("pairwise_loss: an array is null or empty");
  }
  const unsigned blocks = sum_blocks(predictions.n, kBlockRows);
  if (const Status status =
          check_scratch(scratch, pairwise_loss_workspace_bytes(predictions.n), blocks, "pairwise_loss");
      !status.ok()) {
    return status;
  }
  auto* slopes = static_cast<double*>(scratch.data);
  pairwise_loss_kernel<<<blocks, kBlockThreads, 0, stream>>>(predictions, result, slopes, slopes + predictions.n,
                                                             scratch.tickets);
  return launched("pairwise_loss");
}

}  // namespace bnas::cuda
