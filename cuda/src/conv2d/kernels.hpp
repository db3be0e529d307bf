// SPDX-License-Identifier: Apache-2.0
// The kernels behind bnas/cuda/conv2d.hpp. Their launchers trust their arguments, which the public ones have checked.
#pragma once

#include <cuda_runtime_api.h>

#include "bnas/cuda/conv2d.hpp"

namespace bnas::cuda {

/// How the sums over pixels of a weight gradient are laid out.
struct WeightSums {
  int units = 1;  ///< blocks that would be needed without slices; each makes `elements` sums
  int elements = 1;
  int terms = 1;  ///< of a sum, in the kernel's measure: pixels, or rows of pixels
  int step = 1;   ///< slices are multiples of so many terms
};
WeightSums direct_weight_sums(const Conv2dProblem& problem);
WeightSums tensor_weight_sums(const Conv2dDims& dims);

inline int count_blocks(const dim3& grid) { return static_cast<int>(grid.x * grid.y * grid.z); }

// What each launcher below starts.
KernelInfo forward_direct_info(const Conv2dDims& dims);
KernelInfo forward_depthwise_info(const Conv2dDims& dims);
KernelInfo backward_input_direct_info(const Conv2dDims& dims);
KernelInfo backward_input_depthwise_info(const Conv2dDims& dims);
KernelInfo backward_input_tensor_info(const Conv2dDims& dims);
KernelInfo backward_weight_direct_info(const Conv2dPlan& plan);
KernelInfo backward_weight_tensor_info(const Conv2dPlan& plan);

Status launch_forward_direct(const Conv2dDims& dims, const float* x, Operand w, float* y, cudaStream_t stream);
Status launch_forward_depthwise(const Conv2dDims& dims, const float* x, Operand w, float* y, cudaStream_t stream);

Status launch_backward_input_direct(const Conv2dDims& dims, const float* dy, Operand w, float* dx, bool accumulate,
                                    cudaStream_t stream);
Status launch_backward_input_depthwise(const Conv2dDims& dims, const float* dy, Operand w, float* dx, bool accumulate,
                                       cudaStream_t stream);
Status launch_backward_input_tensor(const Conv2dDims& dims, Precision precision, const float* dy, const Word* w,
                                    float* dx, bool accumulate, cudaStream_t stream);

Status launch_backward_weight_direct(const Conv2dPlan& plan, const float* dy, Operand x, float* dw, bool accumulate,
                                     const Scratch& scratch, cudaStream_t stream);
Status launch_backward_weight_tensor(const Conv2dPlan& plan, const float* dy, const Word* x, float* dw, bool accumulate,
                                     const Scratch& scratch, cudaStream_t stream);

}  // namespace bnas::cuda
