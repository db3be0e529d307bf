// SPDX-License-Identifier: Apache-2.0
// Kernel tags: batch normalization per channel (Ioffe and Szegedy, 2015, algorithm 1).
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"

namespace bnas {

/// Statistics per channel that normalize x, f32 (C): known ones, or those of x itself.
struct NormStatistics {
  Tensor mean;
  Tensor variance;
  /// Where defined, the kernel begins as BatchNormStats would, from these sums of x (sums_shape): it writes mean and
  /// variance, and moves the running statistics.
  Tensor sums = {};
  float momentum = 0.0F;
  Tensor running_mean = {}, running_variance = {};
};

}  // namespace bnas

namespace bnas::kernels {

/// mean (C) and biased variance (C), f32, of x (rows, C) of type f32, i8, i16 or i32.
/// Integer inputs are summed exactly in 64 bits, so the result does not depend on any order; f32 inputs in double,
/// in a fixed order (the CPU: row by row).
/// Where defined, running = momentum * running + (1 - momentum) * batch for both statistics; the running variance
/// receives the unbiased estimate (n / (n - 1)) over the rows.
struct BatchNormStats {
  static constexpr const char* name = "batch_norm_stats";
  using Signature = void(Stream&, const Tensor& x, Tensor& mean, Tensor& variance, float momentum, Tensor& running_mean,
                         Tensor& running_variance);
};

/// y = fma(x - mean, gamma * rstd, beta), rstd = 1 / sqrt(variance + eps): the one agreed form (batch_norm_affine in
/// bnas/portable/batch_norm.hpp). x f32 or integer, y f32.
struct BatchNormApply {
  static constexpr const char* name = "batch_norm_apply";
  using Signature = void(Stream&, const Tensor& x, NormStatistics& statistics, const Tensor& gamma, const Tensor& beta,
                         float eps, Tensor& y);
};

/// bits = sign(y) of BatchNormApply's y, which is never stored; mask bits where |y| <= 1 when `mask` is defined.
struct BatchNormSign {
  static constexpr const char* name = "batch_norm_sign";
  using Signature = void(Stream&, const Tensor& x, NormStatistics& statistics, const Tensor& gamma, const Tensor& beta,
                         float eps, Tensor& bits, Tensor& mask);
};

/// Gradients of training-mode batch norm; dy may be columns of a wider gradient, as a concatenation has it. Where
/// `mask` is defined, dy counts only where its bit is 1 (the sign behind the norm). dgamma and dbeta are written as
/// `param_mode` says, dx (undefined: not wanted) as `dx_mode` says. With `frozen` (eval statistics) dx = dy * gamma *
/// rstd. dgamma and dbeta may be undefined too. Each channel's sums run in float over blocks of 16 rows, in row order,
/// and the blocks are added in double, in order.
struct BatchNormBackward {
  static constexpr const char* name = "batch_norm_backward";
  using Signature = void(Stream&, const GradColumns& dy, const Tensor& mask, const Tensor& x, const Tensor& mean,
                         const Tensor& variance, const Tensor& gamma, float eps, bool frozen, Tensor& dx,
                         GradMode dx_mode, Tensor& dgamma, GradMode gamma_mode, Tensor& dbeta, GradMode beta_mode);
};

}  // namespace bnas::kernels
