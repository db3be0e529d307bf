// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/norm.hpp"
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_norm(KernelTable& table) {
  table.add<kernels::BatchNormStats>(batch_norm_stats);
  table.add<kernels::BatchNormApply>(batch_norm_apply);
  table.add<kernels::BatchNormSign>(batch_norm_sign);
  table.add<kernels::BatchNormBackward>(batch_norm_backward);
}

}  // namespace bnas::cpu
