// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_conv(KernelTable& table) { (void)table; }

}  // namespace bnas::cpu
