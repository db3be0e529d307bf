// SPDX-License-Identifier: Apache-2.0
// Register-blocked sums of products, from which all float convolutions and matrix products are made:
//   c[m][j] (+)= sum over k of a[m][k] * b[k][j]
// k walks a list of runs (rows of taps or pixels) with constant steps inside a run, so that convolutions need no
// im2col. Every element is one chain of fused multiply-adds in the order of k, starting at 0 or at c: the result does
// not depend on vector width, blocking or instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bnas::cpu {

/// Where a run of k starts, in elements behind the base pointers.
struct TileRun {
  std::ptrdiff_t a = 0;
  std::ptrdiff_t b = 0;
};

struct FmaArgs {
  const float* a = nullptr;
  std::ptrdiff_t a_row = 0;   ///< from one m to the next
  std::ptrdiff_t a_step = 1;  ///< from one k of a run to the next
  const float* b = nullptr;   ///< j contiguous; 64 bytes behind the last element are read
  std::ptrdiff_t b_step = 0;
  const TileRun* runs = nullptr;
  std::int64_t run_count = 0;
  std::int64_t run_length = 0;
  float* c = nullptr;  ///< j contiguous; written exactly
  std::ptrdiff_t c_row = 0;
  int columns = 0;
  bool accumulate = false;  ///< start at c instead of 0
};

/// All of c: `rows` by args.columns.
void fma_block(const FmaArgs& args, int rows);

/// c[m][j] (+)= sum over k of a[m][k][j] * b[k][j], a contiguous in j like b (depthwise convolutions).
void fma_channels(const FmaArgs& args, int rows);

}  // namespace bnas::cpu
