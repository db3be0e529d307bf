// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernels/optim.hpp"

namespace bnas::cpu {

kernels::AdamStep::Signature adam_step;
kernels::SgdStep::Signature sgd_step;
kernels::BopStep::Signature bop_step;
kernels::SumSquares::Signature sum_squares;
kernels::ClipGradNorm::Signature clip_grad_norm;
kernels::GatherBatch::Signature gather_batch;
kernels::AdvanceStep::Signature advance_step;

}  // namespace bnas::cpu
