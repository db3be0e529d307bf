// SPDX-License-Identifier: Apache-2.0
// Kernel tags: losses. Each writes the mean loss (scalar f32) and its gradient with respect to the prediction.
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"

namespace bnas::kernels {

/// Mean over rows and classes of max(0, 1 - t * y)^2 with t = +1 for the label and -1 elsewhere.
/// logits f32 (N,K), labels i32 (N).
struct SquaredHinge {
  static constexpr const char* name = "squared_hinge";
  using Signature = void(Stream&, const Tensor& logits, const Tensor& labels, Tensor& loss, Tensor& grad);
};

/// Mean over rows of -log softmax(logits)[label], computed with the row maximum subtracted; label smoothing in [0,1).
struct SoftmaxCrossEntropy {
  static constexpr const char* name = "softmax_cross_entropy";
  using Signature = void(Stream&, const Tensor& logits, const Tensor& labels, float smoothing, Tensor& loss,
                         Tensor& grad);
};

/// Mean |p - t|; gradient sign(p - t) / n with 0 at equality. Shapes equal.
struct L1Loss {
  static constexpr const char* name = "l1_loss";
  using Signature = void(Stream&, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad);
};

/// Mean (p - t)^2.
struct MseLoss {
  static constexpr const char* name = "mse_loss";
  using Signature = void(Stream&, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad);
};

/// Logistic pairwise ranking: mean over pairs with t_i > t_j of log(1 + exp(-(p_i - p_j))); 0 without such a pair.
/// (RankNet, Burges et al. 2005; the pairs of BRP-NAS, Dudziak et al. 2020.) prediction, target f32 (N).
struct PairwiseLoss {
  static constexpr const char* name = "pairwise_loss";
  using Signature = void(Stream&, const Tensor& prediction, const Tensor& target, Tensor& loss, Tensor& grad);
};

/// correct (scalar i32) += rows whose first largest logit is the label.
struct CountCorrect {
  static constexpr const char* name = "count_correct";
  using Signature = void(Stream&, const Tensor& logits, const Tensor& labels, Tensor& correct);
};

/// What an epoch adds up over its batches: loss_sum (scalar f32) += rows * loss, and correct as CountCorrect.
struct AddMetrics {
  static constexpr const char* name = "add_metrics";
  using Signature = void(Stream&, const Tensor& logits, const Tensor& labels, const Tensor& loss, Tensor& loss_sum,
                         Tensor& correct);
};

}  // namespace bnas::kernels
