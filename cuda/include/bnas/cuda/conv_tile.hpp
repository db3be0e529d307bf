// SPDX-License-Identifier: Apache-2.0
// How the output of a convolution is cut into blocks, and what a block stages in shared memory.
#pragma once

#include <cstdint>

#include "bnas/portable/dims.hpp"

namespace bnas::cuda {

/// A block computes `images` x `rows` x `cols` output pixels (several images only when whole) for `filters` output
/// channels. It stages the patch of the input that they see, `words` channel words at a time.
struct ConvTile {
  int images = 1, rows = 1, cols = 1;
  int filters = 32;
  int words = 1;
  int patch_h = 1, patch_w = 1;  ///< input pixels under the tile, of each image

  int tiles_n = 1, tiles_h = 1, tiles_w = 1, tiles_o = 1;

  BNAS_HD constexpr int pixels() const { return images * rows * cols; }
  BNAS_HD constexpr int patch_pixels() const { return images * patch_h * patch_w; }
  constexpr std::int64_t blocks() const { return std::int64_t{tiles_n} * tiles_h * tiles_w * tiles_o; }
};

/// The largest tile of at most `pixels` pixels and `filters` channels, evened out so that edge tiles are not small; of
/// all channel words.
ConvTile conv_tile(const Conv2dDims& dims, int pixels, int filters);

/// The next smaller tile: fewer images, then fewer rows, then fewer columns. False when there is one pixel only.
bool shrink(const Conv2dDims& dims, ConvTile& tile);

/// All outputs as one tile: moves the least possible.
ConvTile whole_tile(const Conv2dDims& dims);

/// Bytes between L2 and multiprocessors: a block reads the patch and the filters of its tile, in sectors of 32 bytes,
/// and writes its outputs of `output_bytes` each.
double conv_traffic(const Conv2dDims& dims, int output_bytes, const ConvTile& tile);

/// Splits pixels over blocks as long as there are fewer than `blocks` of them and the traffic stays below 1.25 times
/// the least: each byte of input, weights and output moved once.
void spread(const Conv2dDims& dims, int blocks, int output_bytes, ConvTile& tile);

}  // namespace bnas::cuda
