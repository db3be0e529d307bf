// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/elementwise.hpp"
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_elementwise(KernelTable& table) {
  table.add<kernels::Fill>(fill);
  table.add<kernels::Copy>(copy);
  table.add<kernels::ToFloat>(to_float);
  table.add<kernels::Add>(add);
  table.add<kernels::Scale>(scale);
  table.add<kernels::Sign>(sign);
  table.add<kernels::MaskBackward>(mask_backward);
  table.add<kernels::SignBackward>(sign_backward);
  table.add<kernels::BinarizeWeights>(binarize_weights);
  table.add<kernels::MaskGradients>(mask_gradients);
  table.add<kernels::Sigmoid>(sigmoid);
  table.add<kernels::SigmoidBackward>(sigmoid_backward);
  table.add<kernels::Relu>(relu);
  table.add<kernels::ReluBackward>(relu_backward);
  table.add<kernels::Dropout>(dropout);
  table.add<kernels::ConcatChannels>(concat_channels);
  table.add<kernels::SliceChannels>(slice_channels);
  table.add<kernels::Transpose>(transpose);
  table.add<kernels::AddBias>(add_bias);
  table.add<kernels::SumRows>(sum_rows);
}

}  // namespace bnas::cpu
