// SPDX-License-Identifier: Apache-2.0
// A block's part of a convolution: which outputs it computes, which taps of them lie inside the image, and the input
// patch under them.
#pragma once

#include "bnas/cuda/conv_tile.hpp"

namespace bnas::cuda {

/// Outputs of this block: images [n, n + images), rows [oy, ...), columns [ox, ...), channels [o, o + filters).
struct BlockPart {
  int n, oy, ox, o;
  int images, rows, cols, filters;

  __device__ int pixels() const { return images * rows * cols; }
};

/// For outputs of oh x ow pixels. Channel tiles of the same pixels are neighbours: the second finds the patch in the
/// cache.
__device__ inline BlockPart block_part(const Conv2dDims& d, const ConvTile& t, int oh, int ow) {
  unsigned block = blockIdx.x;
  const auto next = [&block](int tiles) {
    if (tiles == 1) {
      return 0;
    }
    const unsigned index = block % static_cast<unsigned>(tiles);
    block /= static_cast<unsigned>(tiles);
    return static_cast<int>(index);
  };
  BlockPart part;
  part.o = next(t.tiles_o) * t.filters;
  part.ox = next(t.tiles_w) * t.cols;
  part.oy = next(t.tiles_h) * t.rows;
  part.n = next(t.tiles_n) * t.images;
  part.filters = min(t.filters, d.o - part.o);
  part.cols = min(t.cols, ow - part.ox);
  part.rows = min(t.rows, oh - part.oy);
  part.images = min(t.images, d.n - part.n);
  return part;
}

/// The taps of an output pixel that count: rows [y0, y1), columns [x0, x1). With one padding every tap counts.
struct Window {
  int y0, y1, x0, x1;

  __device__ int taps() const { return (y1 - y0) * (x1 - x0); }
  __device__ int packed() const { return y0 | y1 << 8 | x0 << 16 | x1 << 24; }
  static __device__ Window unpacked(int bytes) {
    return {bytes & 255, bytes >> 8 & 255, bytes >> 16 & 255, static_cast<int>(static_cast<unsigned>(bytes) >> 24)};
  }
};

/// First and last valid tap along one axis, `begin` where there is none.
__device__ inline void valid_taps(int out, int stride, int pad, int kernel, int length, int& begin, int& end) {
  const int first = out * stride - pad;  // input position of tap 0
  begin = min(max(-first, 0), kernel);
  end = max(min(length - first, kernel), begin);
}

__device__ inline Window window_of(const Conv2dDims& d, int oy, int ox) {
  Window w{0, d.kh, 0, d.kw};
  if (d.pad_value == PadValue::zero) {
    valid_taps(oy, d.stride_h, d.pad_h.begin, d.kh, d.h, w.y0, w.y1);
    valid_taps(ox, d.stride_w, d.pad_w.begin, d.kw, d.w, w.x0, w.x1);
  }
  return w;
}

/// Per output pixel of the block, in shared memory: where its window begins in the patch, where its output lies behind
/// the block's first, and its valid taps.
struct PixelTable {
  int* patch;
  int* output;
  int* window;

  __device__ PixelTable(void* memory, int pixels)
      : patch(static_cast<int*>(memory)), output(patch + pixels), window(output + pixels) {}

  __device__ void fill(const Conv2dDims& d, const ConvTile& t, const BlockPart& part) const {
    for (int i = static_cast<int>(threadIdx.x); i < part.pixels(); i += static_cast<int>(blockDim.x)) {
      const int col = i % part.cols;
      const int row = i / part.cols % part.rows;
      const int image = i / (part.cols * part.rows);
      patch[i] = (image * t.patch_h + row * d.stride_h) * t.patch_w + col * d.stride_w;
      output[i] = (image * d.oh() + row) * d.ow() + col;
      window[i] = window_of(d, part.oy + row, part.ox + col).packed();
    }
  }
};

/// Calls visit(pixel, word, where) for this thread's share of the patch: `where` is the index of channel word
/// first_word + `word` of that pixel in x, or -1 outside the image. Neighbouring threads read neighbouring words.
template <class Visit>
__device__ void for_each_patch_word(const Conv2dDims& d, const ConvTile& t, const BlockPart& part, int first_word,
                                    int words, Visit visit) {
  const int all_words = static_cast<int>(words_for(d.c));
  const int top = part.oy * d.stride_h - d.pad_h.begin;
  const int left = part.ox * d.stride_w - d.pad_w.begin;
  const int count = part.images * t.patch_h * t.patch_w * words;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    const int pixel = i / words;
    const int word = i % words;
    const int row = pixel / t.patch_w;
    const int ix = left + pixel % t.patch_w;
    const int iy = top + row % t.patch_h;
    const int n = part.n + row / t.patch_h;
    const bool inside = iy >= 0 && iy < d.h && ix >= 0 && ix < d.w;
    const std::int64_t where = ((std::int64_t{n} * d.h + iy) * d.w + ix) * all_words + first_word + word;
    visit(pixel, word, inside ? where : std::int64_t{-1});
  }
}

}  // namespace bnas::cuda
