// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution of stride 1 and its weight gradient, along rows: the pixels of a row and their channels lie
// side by side, so that a vector holds several pixels of few channels and no lane idles.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bnas::cpu {

/// An image with its padding around it, and the rows of one without, C channels each. Numbers per channel are repeated
/// over `period` floats (row_period), so that vectors find theirs at any place of a row.
struct DepthwiseRows {
  const float* x = nullptr;  ///< padded: at least rows + kh - 1 rows of pixels + kw - 1; 64 bytes behind it are read
  std::ptrdiff_t x_row = 0;  ///< floats from row to row
  int channels = 1, kh = 1, kw = 1;
  int rows = 0, pixels = 0;  ///< of y or dy, without padding or gaps
  int period = 0;
};

/// The least common multiple of the channels and of the longest vector.
int row_period(int channels);

/// y[i][j][c] (+)= sum over (ky, kx), in this order, of x[i + ky][j + kx][c] taps[ky][kx][c]: one chain of fused
/// multiply-adds, from 0 or from y on. `taps` (KH,KW,period).
void depthwise_rows(const DepthwiseRows& image, const float* taps, float* y, bool accumulate);

/// sums (KH,KW,period) += x[i + ky][j + kx][c] dy[i][j][c] over the image: entry e of a tap is a chain over every pixel
/// whose place j C + c in its row is e modulo the period. The same for every vector width.
void depthwise_sums(const DepthwiseRows& image, const float* dy, float* sums);

}  // namespace bnas::cpu
