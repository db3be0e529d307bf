/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel library for C and for everything that calls C. Plain C99; needs no header of CUDA.
 *
 *   - Pointers are memory of the current device, but where a comment says host; the stream is the caller's, 0 being the
 *     default one. Nothing is allocated, synchronized, printed or kept, so that each call can be captured in a CUDA
 *     graph, and any thread may call.
 *   - Scratch memory comes from the caller: ask bnas_<operation>_workspace for its bytes first, align it to 256.
 *   - A bad argument is refused before anything is launched; errors of the device come later, from the stream.
 *   - Bit 1 means -1 and bit 0 means +1; channels are the innermost axis, 32 to a word, the first in the lowest bit;
 *     the unused bits of a pixel's last word are 0 (docs/bits.md). Images are NHWC, filters OHWI.
 *   - `accumulate`, where it is not 0, adds to the output instead of overwriting it.
 *
 * What each operation computes is said in full where its C++ twin is declared, bnas/cuda/<operation>.hpp.
 */
#ifndef BNAS_KERNELS_H
#define BNAS_KERNELS_H

#include "bnas/c/layers.h"
#include "bnas/c/packed.h"
#include "bnas/c/training.h"
#include "bnas/c/types.h"

#endif
