// SPDX-License-Identifier: Apache-2.0
// Tensor cores on bf16 numbers: a float as a sum of them, bits as +-1, one matrix instruction. sm_80 and newer.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// Two floats as kTerms pairs of bf16, the first in the lower half: pairs[0] + pairs[1] + ... A term has 8 significant
/// bits and each remainder is exact in f32, so three terms are all 24 bits of a float.
template <int kTerms>
__device__ void split_to_bf16(float first, float second, unsigned (&pairs)[kTerms]) {
#pragma unroll
  for (int t = 0; t < kTerms; ++t) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
    pairs[t] = static_cast<unsigned>(__bfloat16_as_ushort(pair.x)) | static_cast<unsigned>(__bfloat16_as_ushort(pair.y))
                                                                         << 16U;
    first -= __uint_as_float(pairs[t] << 16U);
    second -= __uint_as_float(pairs[t] & 0xFFFF0000U);
  }
}

/// One bit of each of two words as a pair of bf16, -1 for a 1 and +1 for a 0, the first word's in the lower half;
/// `shift` is 31 - bit. Halves where `valid` is 0 become 0, the others must be all ones.
__device__ inline unsigned bf16_signs(Word first, Word second, int shift, unsigned valid) {
  const unsigned signs = __byte_perm(first << shift, second << shift, 0x7632U);  // the upper halves of both
  return ((signs & 0x80008000U) ^ 0x3F803F80U) & valid;                          // 0x3F80 is 1 in bf16
}

/// d (16,8) += a (16,16) b (16,8) in f32. With g = lane / 4, q = lane % 4 (PTX ISA, "mma.m16n8k16"):
///   a[0], a[2]: row g, columns 2q, 2q+1 and 2q+8, 2q+9;  a[1], a[3]: the same of row g + 8
///   b[0], b[1]: column g, rows 2q, 2q+1 and 2q+8, 2q+9
///   d[0], d[1]: row g, columns 2q, 2q+1;  d[2], d[3]: the same of row g + 8
/// Elements that meet in a product share their column of a and row of b; which sixteen they are is the caller's choice.
__device__ inline void mma_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();  // plans for such devices never choose tensor cores
#endif
}

}  // namespace bnas::cuda
