// SPDX-License-Identifier: Apache-2.0
// Losses and their gradients with respect to the prediction, and what is counted beside them. Arithmetic in double,
// sums in a fixed order: the same bits in every run. Each call is one launch; sizes are at least 1.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// Scores y (rows, classes) and the class of each row, in [0, classes). A row whose label is not contributes nothing,
/// has gradient 0, and is noted in the call's DeviceError where that is not null.
struct LabelledLogits {
  const float* y = nullptr;
  const std::int32_t* labels = nullptr;
  std::int64_t rows = 0;
  std::int64_t classes = 0;
};

/// Outputs: the mean loss, and its gradient in the shape of the prediction.
struct LossResult {
  float* loss = nullptr;
  float* grad = nullptr;
};

std::size_t classification_loss_workspace_bytes(std::int64_t rows);

/// Mean over rows and classes of max(0, 1 - t y)^2 with t = +1 for the label and -1 elsewhere.
Status squared_hinge(const LabelledLogits& logits, const LossResult& result, DeviceError* error, const Scratch& scratch,
                     cudaStream_t stream);

/// Mean over rows of the cross entropy of softmax(y) against 1 - smoothing at the label plus smoothing / classes
/// everywhere; the largest score of a row is subtracted first. 0 <= smoothing < 1.
Status softmax_cross_entropy(const LabelledLogits& logits, float smoothing, const LossResult& result,
                             DeviceError* error, const Scratch& scratch, cudaStream_t stream);

/// correct += rows whose first largest score is the label's.
Status count_correct(const LabelledLogits& logits, std::int32_t* correct, DeviceError* error, cudaStream_t stream);

/// The same, and loss_sum += rows * loss, loss being a scalar on the device.
Status add_metrics(const LabelledLogits& logits, const float* loss, float* loss_sum, std::int32_t* correct,
                   DeviceError* error, cudaStream_t stream);

/// n values p and what they should be.
struct Predictions {
  const float* p = nullptr;
  const float* target = nullptr;
  std::int64_t n = 0;
};

std::size_t regression_loss_workspace_bytes(std::int64_t n);

/// Mean |p - t|; gradient sign(p - t) / n, 0 at equality.
Status l1_loss(const Predictions& predictions, const LossResult& result, const Scratch& scratch, cudaStream_t stream);

/// Mean (p - t)^2.
Status mse_loss(const Predictions& predictions, const LossResult& result, const Scratch& scratch, cudaStream_t stream);

std::size_t pairwise_loss_workspace_bytes(std::int64_t n);

/// Mean over pairs with t_i > t_j of log(1 + exp(p_j - p_i)); 0 without such a pair (RankNet, Burges et al. 2005).
Status pairwise_loss(const Predictions& predictions, const LossResult& result, const Scratch& scratch,
                     cudaStream_t stream);

}  // namespace bnas::cuda
