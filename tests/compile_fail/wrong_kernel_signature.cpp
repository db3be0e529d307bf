// SPDX-License-Identifier: Apache-2.0
// The kernel table takes a kernel only under the signature of its operation.
#include "bnas/core/kernel_table.hpp"

struct Negate {
  static constexpr const char* name = "negate";
  using Signature = void(bnas::Stream&, const float* x, float* y);
};

void kernel(bnas::Stream&, const float*, OUTPUT*) {}

void register_it(bnas::KernelTable& table) { table.add<Negate>(kernel); }
