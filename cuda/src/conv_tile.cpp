// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/conv_tile.hpp"

#include <algorithm>

namespace bnas::cuda {
namespace {

constexpr double kTrafficLimit = 1.25;

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

/// Cuts `length` into ceil(length / size) parts of equal size, the last one perhaps smaller.
void split(int length, int& size, int& tiles) {
  tiles = ceil_div(length, size);
  size = ceil_div(length, tiles);
}

/// Evens the tile out and derives what depends on its size.
void settle(const Conv2dDims& d, ConvTile& t) {
  split(d.n, t.images, t.tiles_n);
  split(d.oh(), t.rows, t.tiles_h);
  split(d.ow(), t.cols, t.tiles_w);
  t.tiles_o = ceil_div(d.o, t.filters);
  t.patch_h = (t.rows - 1) * d.stride_h + d.kh;
  t.patch_w = (t.cols - 1) * d.stride_w + d.kw;
}

/// Bytes between global memory and the blocks: patches without their padding, filters once per pixel tile, outputs.
double traffic(const Conv2dDims& d, int output_bytes, const ConvTile& t) {
  const double words = static_cast<double>(words_for(d.c));
  const double pixel_tiles = static_cast<double>(t.tiles_n) * t.tiles_h * t.tiles_w;
  const double x = pixel_tiles * t.tiles_o * t.images * std::min(t.patch_h, d.h) * std::min(t.patch_w, d.w) * words;
  const double w = pixel_tiles * d.o * d.kh * d.kw * words;
  return (x + w) * sizeof(Word) + static_cast<double>(d.n) * d.oh() * d.ow() * d.o * output_bytes;
}

}  // namespace

ConvTile conv_tile(const Conv2dDims& d, int pixels, int filters) {
  ConvTile t;
  t.filters = filters;
  t.cols = std::min(d.ow(), pixels);
  t.rows = std::min(d.oh(), pixels / t.cols);
  t.images = t.rows == d.oh() && t.cols == d.ow() ? std::min(d.n, pixels / (t.rows * t.cols)) : 1;
  settle(d, t);
  return t;
}

bool shrink(const Conv2dDims& d, ConvTile& t) {
  int& size = t.images > 1 ? t.images : t.rows > 1 ? t.rows : t.cols;
  if (size == 1) {
    return false;
  }
  size = ceil_div(size, 2);
  settle(d, t);
  return true;
}

void spread(const Conv2dDims& d, int blocks, int output_bytes, ConvTile& t) {
  ConvTile whole = t;
  whole.filters = d.o;
  whole.images = d.n;
  whole.rows = d.oh();
  whole.cols = d.ow();
  settle(d, whole);
  const double limit = kTrafficLimit * traffic(d, output_bytes, whole);
  for (ConvTile smaller = t; t.blocks() < blocks && shrink(d, smaller); t = smaller) {
    if (traffic(d, output_bytes, smaller) > limit) {
      return;
    }
  }
}

}  // namespace bnas::cuda
