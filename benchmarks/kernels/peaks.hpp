// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bnas::bench {

/// What this processor does in registers alone, per second of CPU time of the calling thread, with the instruction set
/// now in use: the bounds that kernels are measured against. Medians of a few milliseconds; ask right before measuring,
/// since neighbours change the rates.
double popcount_bound();  ///< xor, population count, add: binary multiply-accumulates
double fma_bound();       ///< fused multiply-adds of floats

}  // namespace bnas::bench
