// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/register.hpp"

namespace bnas::cuda_backend {

void register_sign(KernelTable& /*table*/) {}

}  // namespace bnas::cuda_backend
