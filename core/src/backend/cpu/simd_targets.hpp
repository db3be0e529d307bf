// SPDX-License-Identifier: Apache-2.0
// Which instruction sets the kernels are compiled for: include before any Highway header.
//   AVX3_DL (AVX-512 with VPOPCNTDQ), AVX3, AVX2 with FMA, and a portable fallback.
// Left out: SSE (the fallback serves processors without AVX2), and vectors of unknown length (SVE, RVV), which cannot
// stand in the arrays of accumulators that the tiles are made of.
// Highway's AVX3_DL flags allow AVX-VNNI, which AMD's Zen 4 lacks: no loops in these files may be an int8 or int16 dot
// product that a compiler would turn into it.
#pragma once

#define HWY_WANT_AVX3_DL 1
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
