// SPDX-License-Identifier: Apache-2.0
// A warp takes a row, its lanes every 32nd class.
#include "bnas/cuda/loss.hpp"
#include "support/device_error.cuh"
#include "support/grid_sum.cuh"

namespace bnas::cuda {
namespace {

constexpr int kBlockRows = kBlockThreads / kWarp;

/// Calls visit(row, lane) in all lanes of the warp that takes the row.
template <class Visit>
__device__ void for_each_row(std::int64_t rows, Visit visit) {
  const auto lane = static_cast<int>(threadIdx.x % kWarp);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kBlockRows + threadIdx.x / kWarp;
  for (std::int64_t row = first; row < rows; row += static_cast<std::int64_t>(gridDim.x) * kBlockRows) {
    visit(row, lane);
  }
}

/// The label of a row is one; the warp's first lane notes it where not.
__device__ bool has_label(const LabelledLogits& in, std::int64_t row, int lane, DeviceError* error) {
  return index_in_range(lane == 0 ? error : nullptr, IndexCheck::labels, row, in.labels[row], in.classes);
}

/// A loss gives this lane's share of the row's sum and writes its share of the gradient.
struct SquaredHinge {
  double share;  // 1 / (rows * classes)

  __device__ double operator()(const float* y, std::int64_t classes, std::int64_t label, int lane, float* dy) const {
    double sum = 0.0;
    for (std::int64_t k = lane; k < classes; k += kWarp) {
      const double t = k == label ? 1.0 : -1.0;
      const double slack = 1.0 - t * static_cast<double>(y[k]);
      const double hinge = slack < 0.0 ? 0.0 : slack;  // NaN stays NaN
      sum += hinge * hinge;
      dy[k] = static_cast<float>(-2.0 * t * hinge * share);
    }
    return sum;
  }
};

struct CrossEntropy {
  double share;    // 1 / rows
  double on, off;  // targets at the label and elsewhere

  __device__ double operator()(const float* y, std::int64_t classes, std::int64_t label, int lane, float* dy) const {
    float largest = y[0];
    for (std::int64_t k = lane; k < classes; k += kWarp) {
      largest = fmaxf(largest, y[k]);
    }
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      largest = fmaxf(largest, __shfl_xor_sync(~0U, largest, distance));
    }
    const auto shifted = [&](std::int64_t k) { return static_cast<double>(y[k]) - static_cast<double>(largest); };
    double total = 0.0;
#pragma unroll 1  // exp is long, and few rows have more than a warp's classes
    for (std::int64_t k = lane; k < classes; k += kWarp) {
      total += exp(shifted(k));
    }
    const double log_total = log(warp_sum(total));
    double sum = 0.0;
#pragma unroll 1
    for (std::int64_t k = lane; k < classes; k += kWarp) {
      const double log_p = shifted(k) - log_total;
      const double target = k == label ? on : off;
      if (target != 0.0) {  // 0 * log 0 is 0
        sum -= target * log_p;
      }
      dy[k] = static_cast<float>((exp(log_p) - target) * share);
    }
    return sum;
  }
};

template <class RowLoss>
__global__ void __launch_bounds__(kBlockThreads)
    classification_loss_kernel(const RowLoss loss, const __grid_constant__ LabelledLogits in, const LossResult result,
                               DeviceError* error, double* partials, unsigned* ticket) {
  double sum[1] = {};
  for_each_row(in.rows, [&](std::int64_t row, int lane) {
    float* dy = result.grad + row * in.classes;
    if (has_label(in, row, lane, error)) {
      sum[0] += loss(in.y + row * in.classes, in.classes, in.labels[row], lane, dy);
    } else {
      for (std::int64_t k = lane; k < in.classes; k += kWarp) {
        dy[k] = 0.0F;
      }
    }
  });
  if (grid_sum(sum, partials, ticket) && threadIdx.x == 0) {
    *result.loss = static_cast<float>(sum[0] * loss.share);
  }
}

/// The first largest of a row's scores, in every lane. A NaN is largest only as the first score.
__device__ std::int64_t first_largest(const float* y, std::int64_t classes, int lane) {
  if (isnan(y[0])) {
    return 0;
  }
  std::int64_t best = 0;
  float largest = y[0];
  for (std::int64_t k = lane; k < classes; k += kWarp) {
    if (y[k] > largest) {
      largest = y[k];
      best = k;
    }
  }
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const float other = __shfl_xor_sync(~0U, largest, distance);
    const std::int64_t place = __shfl_xor_sync(~0U, best, distance);
    if (other > largest || (other == largest && place < best)) {
      largest = other;
      best = place;
    }
  }
  return best;
}

/// Where `loss` is not null, block 0 adds rows * loss to loss_sum.
__global__ void __launch_bounds__(kBlockThreads)
    count_correct_kernel(const __grid_constant__ LabelledLogits in, std::int32_t* correct, const float* loss,
                         float* loss_sum, DeviceError* error) {
  std::int32_t hits = 0;
  for_each_row(in.rows, [&](std::int64_t row, int lane) {
    const std::int64_t best = first_largest(in.y + row * in.classes, in.classes, lane);
    hits += has_label(in, row, lane, error) && best == in.labels[row] ? 1 : 0;
  });
  if (threadIdx.x % kWarp == 0 && hits > 0) {
    atomicAdd(correct, hits);  // integers: in any order
  }
  if (loss != nullptr && blockIdx.x == 0 && threadIdx.x == 0) {
    *loss_sum += static_cast<float>(in.rows) * *loss;
  }
}

bool is_valid(const LabelledLogits& in) {
  return in.y != nullptr && in.labels != nullptr && in.rows > 0 && in.classes > 0;
}

template <class RowLoss>
Status launch(const char* op, const char* invalid, const RowLoss& loss, const LabelledLogits& in,
              const LossResult& result, DeviceError* error, const Scratch& scratch, cudaStream_t stream) {
  if (!is_valid(in) || result.loss == nullptr || result.grad == nullptr) {
    return invalid_argument(invalid);
  }
  const unsigned blocks = sum_blocks(in.rows, kBlockRows);
  if (const Status status = check_scratch(scratch, classification_loss_workspace_bytes(in.rows), blocks, op);
      !status.ok()) {
    return status;
  }
  classification_loss_kernel<<<blocks, kBlockThreads, 0, stream>>>(loss, in, result, error,
                                                                   static_cast<double*>(scratch.data), scratch.tickets);
  return launched(op);
}

}  // namespace

std::size_t classification_loss_workspace_bytes(std::int64_t rows) {
  const unsigned blocks = rows > 0 ? sum_blocks(rows, kBlockRows) : 0;
  return blocks > 1 ? blocks * sizeof(double) : 0;
}

Status squared_hinge(const LabelledLogits& logits, const LossResult& result, DeviceError* error, const Scratch& scratch,
                     cudaStream_t stream) {
  const SquaredHinge loss{1.0 / (static_cast<double>(logits.rows) * static_cast<double>(logits.classes))};
  return launch("squared_hinge", "squared_hinge: an array is null or empty", loss, logits, result, error, scratch,
                stream);
}

Status softmax_cross_entropy(const LabelledLogits& logits, float smoothing, const LossResult& result,
                             DeviceError* error, const Scratch& scratch, cudaStream_t stream) {
  if (!(smoothing >= 0.0F && smoothing < 1.0F)) {
    return invalid_argument("softmax_cross_entropy: smoothing is not in [0, 1)");
  }
  const double off = static_cast<double>(smoothing) / static_cast<double>(logits.classes);
  const CrossEntropy loss{1.0 / static_cast<double>(logits.rows), 1.0 - static_cast<double>(smoothing) + off, off};
  return launch("softmax_cross_entropy", "softmax_cross_entropy: an array is null or empty", loss, logits, result,
                error, scratch, stream);
}

Status count_correct(const LabelledLogits& logits, std::int32_t* correct, DeviceError* error, cudaStream_t stream) {
  if (!is_valid(logits) || correct == nullptr) {
    return invalid_argument("count_correct: an array is null or empty");
  }
  count_correct_kernel<<<sum_blocks(logits.rows, kBlockRows), kBlockThreads, 0, stream>>>(logits, correct, nullptr,
                                                                                          nullptr, error);
  return launched("count_correct");
}

Status add_metrics(const LabelledLogits& logits, const float* loss, float* loss_sum, std::int32_t* correct,
                   DeviceError* error, cudaStream_t stream) {
  if (!is_valid(logits) || loss == nullptr || loss_sum == nullptr || correct == nullptr) {
    return invalid_argument("add_metrics: an array is null or empty");
  }
  count_correct_kernel<<<sum_blocks(logits.rows, kBlockRows), kBlockThreads, 0, stream>>>(logits, correct, loss,
                                                                                          loss_sum, error);
  return launched("add_metrics");
}

}  // namespace bnas::cuda
