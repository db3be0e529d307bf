// SPDX-License-Identifier: Apache-2.0
// Kernel tags: optimizer steps over one parameter each, and the batch gather. Formulas:
// bnas/portable/optimizer_rules.hpp.
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/portable/optimizer_rules.hpp"

namespace bnas::kernels {

/// Adam (Kingma and Ba 2015) or AMSGrad (Reddi et al. 2018); `v_max` is defined for AMSGrad. The gradient is only
/// read. `clip` > 0 clamps the weight to [-clip, clip] afterwards.
struct AdamStep {
  static constexpr const char* name = "adam_step";
  using Signature = void(Stream&, const Tensor& grad, const AdamRule& rule, float clip, Tensor& weight, Tensor& m,
                         Tensor& v, Tensor& v_max);
};

/// SGD with momentum, Nesterov and L2 weight decay; `velocity` undefined when momentum is 0.
struct SgdStep {
  static constexpr const char* name = "sgd_step";
  using Signature = void(Stream&, const Tensor& grad, const SgdRule& rule, float clip, Tensor& weight,
                         Tensor& velocity);
};

/// Bop (Helwegen et al. 2019): weights in {-1, +1} flip where the gradient average exceeds the threshold.
struct BopStep {
  static constexpr const char* name = "bop_step";
  using Signature = void(Stream&, const Tensor& grad, const BopRule& rule, Tensor& weight, Tensor& average);
};

/// sum (scalar f32) (+)= sum of x^2, accumulated in double in index order.
struct SumSquares {
  static constexpr const char* name = "sum_squares";
  using Signature = void(Stream&, const Tensor& x, Tensor& sum, GradMode mode);
};

/// batch (B,H,W,C) f32 = images[indices] / 127.5 - 1, so that bytes 0..255 become [-1, 1]; labels (B) i32 likewise.
/// images u8 (N,H,W,C), all_labels i32 (N), indices i32 (B) in [0, N): others are an Error naming the index.
struct GatherBatch {
  static constexpr const char* name = "gather_batch";
  using Signature = void(Stream&, const Tensor& images, const Tensor& all_labels, const Tensor& indices, Tensor& batch,
                         Tensor& labels);
};

}  // namespace bnas::kernels
