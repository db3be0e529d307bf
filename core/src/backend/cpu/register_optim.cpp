// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/optim.hpp"
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_optim(KernelTable& table) {
  table.add<kernels::AdamStep>(adam_step);
  table.add<kernels::SgdStep>(sgd_step);
  table.add<kernels::BopStep>(bop_step);
  table.add<kernels::SumSquares>(sum_squares);
  table.add<kernels::ClipGradNorm>(clip_grad_norm);
  table.add<kernels::GatherBatch>(gather_batch);
  table.add<kernels::AdvanceStep>(advance_step);
}

}  // namespace bnas::cpu
