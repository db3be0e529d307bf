// SPDX-License-Identifier: Apache-2.0
// Register-blocked binary dot products: for rows (pixels) m and output channels o
//   y[m][o] = base + extra[o] - 2 * sum over k of popcount(x[m][k] ^ w[k][o]),   k over words.
// Channels are the lanes, rows are broadcast; k walks runs as in fma_tile.hpp. Integers, so exact on every path:
// VPOPCNTDQ, a byte table with AVX-512 and AVX2, a plain population count elsewhere.
#pragma once

#include "backend/cpu/fma_tile.hpp"
#include "bnas/core/shape.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas::cpu {

/// Weights (and `extra`) are padded to a multiple of this many output channels.
inline constexpr int kFilterPad = 16;
constexpr std::ptrdiff_t padded_filters(int filters) { return (filters + kFilterPad - 1) / kFilterPad * kFilterPad; }

struct PopcountArgs {
  const Word* x = nullptr;
  std::ptrdiff_t x_row = 0;       ///< words from one row to the next
  const Word* w = nullptr;        ///< output channels contiguous
  std::ptrdiff_t w_step = 0;      ///< from one k to the next: padded_filters()
  const TileRun* runs = nullptr;  ///< a: offset into x, b: offset into w; a run is contiguous in x
  std::int64_t run_count = 0;
  std::int64_t run_length = 0;
  std::int32_t base = 0;
  const std::int32_t* extra = nullptr;  ///< null: zeros
  void* y = nullptr;                    ///< written exactly
  DType dtype = DType::i32;             ///< i8, i16 or i32
  std::ptrdiff_t y_row = 0;             ///< elements
  int columns = 0;                      ///< output channels
};

/// All of y: `rows` by args.columns.
void popcount_block(const PopcountArgs& args, int rows);

}  // namespace bnas::cpu
