// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernels/elementwise.hpp"

namespace bnas::cpu {

kernels::Fill::Signature fill;
kernels::Copy::Signature copy;
kernels::ToFloat::Signature to_float;
kernels::Add::Signature add;
kernels::Scale::Signature scale;
kernels::Sign::Signature sign;
kernels::MaskBackward::Signature mask_backward;
kernels::SignBackward::Signature sign_backward;
kernels::BinarizeWeights::Signature binarize_weights;
kernels::MaskGradients::Signature mask_gradients;
kernels::Sigmoid::Signature sigmoid;
kernels::SigmoidBackward::Signature sigmoid_backward;
kernels::Relu::Signature relu;
kernels::ReluBackward::Signature relu_backward;
kernels::Dropout::Signature dropout;
kernels::ConcatChannels::Signature concat_channels;
kernels::SliceChannels::Signature slice_channels;
kernels::Transpose::Signature transpose;
kernels::AddBias::Signature add_bias;
kernels::SumRows::Signature sum_rows;

}  // namespace bnas::cpu
