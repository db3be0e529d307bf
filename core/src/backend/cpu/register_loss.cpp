// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/loss.hpp"
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_loss(KernelTable& table) {
  table.add<kernels::SquaredHinge>(squared_hinge);
  table.add<kernels::SoftmaxCrossEntropy>(softmax_cross_entropy);
  table.add<kernels::L1Loss>(l1_loss);
  table.add<kernels::MseLoss>(mse_loss);
  table.add<kernels::PairwiseLoss>(pairwise_loss);
  table.add<kernels::CountCorrect>(count_correct);
  table.add<kernels::AddMetrics>(add_metrics);
}

}  // namespace bnas::cpu
