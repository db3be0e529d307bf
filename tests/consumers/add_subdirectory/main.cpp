// SPDX-License-Identifier: Apache-2.0
// Bits, shapes and random numbers of bnas on any processor; no CUDA.
#include <bnas/version.h>

#include <bit>
#include <cstdio>

#include "bnas/portable/bits.hpp"
#include "bnas/portable/dims.hpp"
#include "bnas/portable/philox.hpp"

static_assert(BNAS_VERSION >= 100);

int main() {
  const bnas::Word a = 0x0F0F0F0FU;
  const bnas::Word b = 0x0F0F0F0EU;
  const int dot = bnas::dot_from_mismatches(32, std::popcount(a ^ b));
  const bnas::AxisPad pad = bnas::same_pad(28, 3, 2);
  const auto first = bnas::RandomKey{1}.bits(0);
  std::printf("dot %d, 28 pixels become %d, first random number %llu\n", dot, bnas::output_length(28, 3, 2, pad),
              static_cast<unsigned long long>(first));
  return dot == 30 && bnas::output_length(28, 3, 2, pad) == 14 && first == bnas::RandomKey{1}.bits(0) ? 0 : 1;
}
