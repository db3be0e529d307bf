// SPDX-License-Identifier: Apache-2.0
// Tensor core instructions on integers, c += a b for a 16 x 8 tile c held by a warp. With row = lane / 4 and
// quad = lane % 4 a lane holds c[0], c[1] = C[row][2 quad, 2 quad + 1] and c[2], c[3] = the same of row + 8
// (PTX ISA, "Matrix fragments for mma.m16n8k256" and "mma.m16n8k32").
#pragma once

#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// The 1-bit product of this architecture: AND where it is native, XOR on those that know no other.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr bool kBitProductIsAnd = false;
#else
inline constexpr bool kBitProductIsAnd = true;
#endif

/// c += population counts of the products of 8 words of K bits. Word k of a row is a[0] of quad k for k < 4 and a[2] of
/// quad k - 4 beyond; a[1] and a[3] are row + 8. b[0] and b[1] are words quad and quad + 4 of column lane / 4.
/// Never reached from compute capability 10.0 on, where plans refuse it.
__device__ inline void mma_b1(int (&c)[4], const Word (&a)[4], const Word (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 1000
  __trap();
#elif __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
#pragma unroll
  for (int i = 0; i < 4; ++i) {  // a[i]: rows of half i % 2, K words of half i / 2
    asm("mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.xor.popc {%0,%1}, {%2}, {%3}, {%0,%1};"
        : "+r"(c[i % 2 * 2]), "+r"(c[i % 2 * 2 + 1])
        : "r"(a[i]), "r"(b[i / 2]));
  }
#endif
}

/// c += dot products of 32 signed bytes. The order along K is free: a[0] and a[2] hold 8 bytes of a row, b[0] and b[1]
/// the same 8 of column lane / 4, another 8 in each quad; a[1] and a[3] are row + 8.
__device__ inline void mma_s8(int (&c)[4], const Word (&a)[4], const Word (&b)[2]) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    asm("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
        : "+r"(c[i % 2 * 2]), "+r"(c[i % 2 * 2 + 1])
        : "r"(a[i]), "r"(b[i / 2]));
  }
#endif
}

}  // namespace bnas::cuda
