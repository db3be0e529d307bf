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

/// Words that are moved for `count` pixels or taps in a row, in whole sectors: of each, `words` out of `all` channel
/// words at a time.
double moved_words(int count, int all, int words) {
  constexpr int kSectorWords = 8;
  const bool whole = all % kSectorWords == 0 && words % kSectorWords == 0;
  const double piece = whole ? words : std::min(all, words + kSectorWords - 1);
  const double ends = whole ? 0 : kSectorWords - 1;  // beyond the row, on average
  return ceil_div(all, words) * (count * piece + (words == all ? ends : 0));
}

}  // namespace

double conv_traffic(const Conv2dDims& d, int output_bytes, const ConvTile& t) {
  const double pixel_tiles = static_cast<double>(t.tiles_n) * t.tiles_h * t.tiles_w;
  const auto words = static_cast<int>(words_for(d.c));
  const double rows = pixel_tiles * t.tiles_o * t.images * std::min(t.patch_h, d.h);
  const double filters = pixel_tiles * d.o;  // lie behind one another
  const double x = rows * moved_words(std::min(t.patch_w, d.w), words, t.words);
  const double w = filters * moved_words(d.kh * d.kw, words, t.words);
  return (x + w) * sizeof(Word) + static_cast<double>(d.n) * d.oh() * d.ow() * d.o * output_bytes;
}

ConvTile conv_tile(const Conv2dDims& d, int pixels, int filters) {
  ConvTile t;
  t.filters = filters;
  t.words = static_cast<int>(words_for(d.c));
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

ConvTile whole_tile(const Conv2dDims& d) {
  ConvTile t;
  t.filters = d.o;
  t.images = d.n;
  t.rows = d.oh();
  t.cols = d.ow();
  t.words = static_cast<int>(words_for(d.c));
  settle(d, t);
  return t;
}

void spread(const Conv2dDims& d, int blocks, int output_bytes, ConvTile& t) {
  const double limit = kTrafficLimit * conv_traffic(d, output_bytes, whole_tile(d));
  for (ConvTile smaller = t; t.blocks() < blocks && shrink(d, smaller); t = smaller) {
    if (conv_traffic(d, output_bytes, smaller) > limit) {
      return;
    }
  }
}

}  // namespace bnas::cuda
