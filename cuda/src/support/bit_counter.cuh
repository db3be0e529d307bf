// SPDX-License-Identifier: Apache-2.0
// Counting bit by bit: 32 counters side by side, bit i of all of them in word i (carry-save addition; Harley and Seal
// in Warren, Hacker's Delight, section 5-1).
#pragma once

#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// sum + 2 carry = sum + a + b in each of 32 places; returns the carry. Two three-input logic instructions.
__device__ inline Word full_add(Word& sum, Word a, Word b) {
  const Word carry = (sum & a) | (b & (sum | a));
  sum ^= a ^ b;
  return carry;
}

/// Counts to 2^kPlanes - 1.
template <int kPlanes>
struct BitCounter {
  static_assert(kPlanes >= 3);
  Word plane[kPlanes] = {};

  /// Adds the bits of four words, each to the counter of its place.
  __device__ void add(const Word (&x)[4]) {
    const Word first = full_add(plane[0], x[0], x[1]);
    const Word second = full_add(plane[0], x[2], x[3]);
    Word carry = full_add(plane[1], first, second);
#pragma unroll
    for (int i = 2; i < kPlanes; ++i) {
      const Word next = plane[i] & carry;
      plane[i] ^= carry;
      carry = next;
    }
  }
};

}  // namespace bnas::cuda
