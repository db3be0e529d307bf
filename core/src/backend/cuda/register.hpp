// SPDX-License-Identifier: Apache-2.0
// One function per kernel family, at the end of the file of its adapters; each lists its kernels by hand.
#pragma once

#include "bnas/core/kernel_table.hpp"

namespace bnas::cuda_backend {

void register_elementwise(KernelTable& table);
void register_sign(KernelTable& table);
void register_latent_weights(KernelTable& table);
void register_binary_conv(KernelTable& table);
void register_conv(KernelTable& table);
void register_norm(KernelTable& table);
void register_pool(KernelTable& table);
void register_loss(KernelTable& table);
void register_sequence(KernelTable& table);
void register_optim(KernelTable& table);
void register_mixture(KernelTable& table);
void register_weights(KernelTable& table);

}  // namespace bnas::cuda_backend
