// SPDX-License-Identifier: Apache-2.0
// Kernel tags: pools over x (N,H,W,C) -> y (N,OH,OW,C).
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::kernels {

/// Largest value inside the image; x and y both f32 or both bits (the maximum of bits is their AND).
struct MaxPool {
  static constexpr const char* name = "max_pool";
  using Signature = void(Stream&, const Tensor& x, const Pool2dDims& dims, Tensor& y);
};

/// Routes dy to the first maximum of each window in row-major order; x as in forward.
struct MaxPoolBackward {
  static constexpr const char* name = "max_pool_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& x, const Pool2dDims& dims, Tensor& dx, GradMode mode);
};

/// Mean over the taps inside the image; x f32 or bits, y f32.
struct AvgPool {
  static constexpr const char* name = "avg_pool";
  using Signature = void(Stream&, const Tensor& x, const Pool2dDims& dims, Tensor& y);
};

struct AvgPoolBackward {
  static constexpr const char* name = "avg_pool_backward";
  using Signature = void(Stream&, const Tensor& dy, const Pool2dDims& dims, Tensor& dx, GradMode mode);
};

}  // namespace bnas::kernels
