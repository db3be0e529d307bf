// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/pool.hpp"
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_pool(KernelTable& table) {
  table.add<kernels::MaxPool>(max_pool);
  table.add<kernels::MaxPoolBackward>(max_pool_backward);
  table.add<kernels::AvgPool>(avg_pool);
  table.add<kernels::AvgPoolBackward>(avg_pool_backward);
}

}  // namespace bnas::cpu
