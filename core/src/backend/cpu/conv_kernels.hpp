// SPDX-License-Identifier: Apache-2.0
// The CPU kernels behind the tags of bnas/core/kernels/conv.hpp. They run on the caller's thread; scratch comes from
// the stream, so that several children can run at once and its memory limit counts it.
#pragma once

#include "bnas/core/error.hpp"
#include "bnas/core/kernels/conv.hpp"
#include "bnas/core/stream.hpp"

namespace bnas::cpu {

void binary_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y, Tensor& sums);
void conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y);
void conv2d_backward_input(Stream& stream, const Tensor& dy, const Tensor& w, const Conv2dDims& dims, Tensor& dx,
                           GradMode mode);
void conv2d_backward_weight(Stream& stream, const Tensor& dy, const Tensor& x, const Conv2dDims& dims, Tensor& dw,
                            GradMode mode);
void binary_depthwise_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y);
void depthwise_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y);
void depthwise_conv2d_backward_input(Stream& stream, const Tensor& dy, const Tensor& w, const Conv2dDims& dims,
                                     Tensor& dx, GradMode mode);
void depthwise_conv2d_backward_weight(Stream& stream, const Tensor& dy, const Tensor& x, const Conv2dDims& dims,
                                      Tensor& dw, GradMode mode);
void gemm(Stream& stream, const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c,
          GradMode mode);

}  // namespace bnas::cpu
