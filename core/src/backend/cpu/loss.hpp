// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernels/loss.hpp"

namespace bnas::cpu {

kernels::SquaredHinge::Signature squared_hinge;
kernels::SoftmaxCrossEntropy::Signature softmax_cross_entropy;
kernels::L1Loss::Signature l1_loss;
kernels::MseLoss::Signature mse_loss;
kernels::PairwiseLoss::Signature pairwise_loss;
kernels::CountCorrect::Signature count_correct;
kernels::AddMetrics::Signature add_metrics;

}  // namespace bnas::cpu
