// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ptx/types.hpp"

namespace bnas::emu {

/// The number of ones, by sums of ever wider fields: without the instruction for it, and good for vectors.
constexpr u32 count_ones(u32 x) {
  x -= x >> 1 & 0x55555555U;
  x = (x & 0x33333333U) + (x >> 2 & 0x33333333U);
  x = (x + (x >> 4)) & 0x0f0f0f0fU;
  x += x >> 8;
  return (x + (x >> 16)) & 63U;
}

}  // namespace bnas::emu
