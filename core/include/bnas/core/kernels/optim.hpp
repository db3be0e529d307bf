// SPDX-License-Identifier: Apache-2.0
// Kernel tags: optimizer steps over all parameters of a network at once, the batch gather, and the feed of step values.
// Formulas: bnas/portable/optimizer_rules.hpp. A `step` tensor is u8 with the bytes of one StepValues.
#pragma once

#include <array>
#include <span>

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/portable/augment.hpp"
#include "bnas/portable/optimizer_rules.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas {

/// One parameter in an optimizer step; all tensors f32 and of one shape. The gradient is only read.
struct ParameterUpdate {
  Tensor grad;
  Tensor weight;
  std::array<Tensor, 3> slots = {};  ///< of the rule, in its order; undefined where the rule has fewer
  float lr_multiplier = 1.0F;        ///< times StepValues::lr, rounded to float
  float clip = 0.0F;                 ///< > 0 clamps the weight to [-clip, clip] afterwards
};

}  // namespace bnas

namespace bnas::kernels {

/// Adam (Kingma and Ba 2015), slots m and v, or AMSGrad (Reddi et al. 2018), slots m, v and v_max.
struct AdamStep {
  static constexpr const char* name = "adam_step";
  using Signature = void(Stream&, std::span<const ParameterUpdate> parameters, const AdamRule& rule,
                         const Tensor& step);
};

/// SGD with momentum, Nesterov and L2 weight decay; slot velocity, undefined when momentum is 0.
struct SgdStep {
  static constexpr const char* name = "sgd_step";
  using Signature = void(Stream&, std::span<const ParameterUpdate> parameters, const SgdRule& rule, const Tensor& step);
};

/// Bop (Helwegen et al. 2019): weights in {-1, +1} flip where the gradient average, the slot, exceeds the threshold.
/// The rule has no learning rate and clips nothing.
struct BopStep {
  static constexpr const char* name = "bop_step";
  using Signature = void(Stream&, std::span<const ParameterUpdate> parameters, const BopRule& rule);
};

/// norm (scalar f32) = L2 norm of all gradients together: squares summed in double in index order, tensor by tensor.
/// Where it exceeds max_norm, each gradient is multiplied by max_norm / norm.
struct ClipGradNorm {
  static constexpr const char* name = "clip_grad_norm";
  using Signature = void(Stream&, std::span<const Tensor> grads, float max_norm, Tensor& norm);
};

/// sum (scalar f32) (+)= sum of x^2, accumulated in double in index order.
struct SumSquares {
  static constexpr const char* name = "sum_squares";
  using Signature = void(Stream&, const Tensor& x, Tensor& sum, GradMode mode);
};

/// batch (B,H,W,C) f32 = images[order[first + b]] / 127.5 - offset of the rule (1: bytes become [-1, 1]), augmented as
/// the rule says with the key step_key(step, 0, augment) and the image's number as its sample; labels (B) i32 likewise.
/// images u8 (N,H,W,C), all_labels i32 (N), order i32 with at least first + B entries in [0, N): others are an Error
/// naming the entry. `first` is the step's first_row, 0 where `step` is undefined; only the identity can do without it.
struct GatherBatch {
  static constexpr const char* name = "gather_batch";
  using Signature = void(Stream&, const Tensor& images, const Tensor& all_labels, const Tensor& order,
                         const Tensor& step, const BatchRule& rule, Tensor& batch, Tensor& labels);
};

/// current = table[counter], then counter (scalar i32) += 1. table u8 holds StepValues one after another, current one.
struct AdvanceStep {
  static constexpr const char* name = "advance_step";
  using Signature = void(Stream&, const Tensor& table, Tensor& counter, Tensor& current);
};

}  // namespace bnas::kernels
