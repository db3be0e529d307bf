// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_conv(KernelTable& table) {
  table.add<kernels::BinaryConv2d>(binary_conv2d);
  table.add<kernels::BinaryDepthwiseConv2d>(binary_depthwise_conv2d);
  table.add<kernels::Conv2d>(conv2d);
  table.add<kernels::Conv2dBackwardInput>(conv2d_backward_input);
  table.add<kernels::Conv2dBackwardWeight>(conv2d_backward_weight);
  table.add<kernels::DepthwiseConv2d>(depthwise_conv2d);
  table.add<kernels::DepthwiseConv2dBackwardInput>(depthwise_conv2d_backward_input);
  table.add<kernels::DepthwiseConv2dBackwardWeight>(depthwise_conv2d_backward_weight);
  table.add<kernels::Gemm>(gemm);
}

}  // namespace bnas::cpu
