// SPDX-License-Identifier: Apache-2.0
// Which taps of a window fall into the image, along one axis: tap k of output `out` reads pixel
// out * stride + k - pad_begin.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "bnas/core/stream.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::cpu {

/// Half-open range of integers, empty when begin == end.
struct Range {
  int begin = 0;
  int end = 0;
  int size() const { return end - begin; }
};

/// Taps of output `out` that fall into [0, length).
inline Range valid_taps(int out, int stride, int pad_begin, int kernel, int length) {
  const int origin = out * stride - pad_begin;
  const int begin = std::clamp(-origin, 0, kernel);
  return {begin, std::clamp(length - origin, begin, kernel)};
}

/// Outputs whose tap `tap` falls into [0, length).
inline Range valid_outputs(int tap, int stride, int pad_begin, int length, int outputs) {
  const int shift = pad_begin - tap;  // out * stride >= shift and < length + shift
  const int begin = std::clamp(shift <= 0 ? 0 : (shift + stride - 1) / stride, 0, outputs);
  const int end = length + shift <= 0 ? 0 : (length + shift + stride - 1) / stride;
  return {begin, std::clamp(end, begin, outputs)};
}

/// Whether every output is a product of its pixel's channels alone: then images are rows of pixels.
inline bool is_pointwise(const Conv2dDims& dims) {
  const auto none = [](AxisPad pad) { return pad.begin == 0 && pad.end == 0; };
  return dims.kh == 1 && dims.kw == 1 && dims.stride_h == 1 && dims.stride_w == 1 && none(dims.pad_h) &&
         none(dims.pad_w);
}

/// Outputs whose windows see the same taps of their images: pixel (oy, ox) of `rows` images from `n` on, or, for small
/// batches, `rows` pixels side by side from (oy, ox) on in image `n`.
struct OutputTile {
  int n = 0, oy = 0, ox = 0;
  int rows = 1;
  bool across_images = false;
  Range ky, kx;
  bool whole_window(const Conv2dDims& dims) const { return ky.size() == dims.kh && kx.size() == dims.kw; }
};

/// Visits every output of a convolution once, in tiles.
template <class Visit>
void for_each_output_tile(const Conv2dDims& dims, Visit visit) {
  constexpr int kImages = 8;
  constexpr int kFewImages = 4;
  const bool across_images = dims.n >= kFewImages;
  const int step = across_images ? kImages : 1;
  const auto columns = [&](int ox) { return valid_taps(ox, dims.stride_w, dims.pad_w.begin, dims.kw, dims.w); };
  for (int n = 0; n < dims.n; n += step) {
    for (int oy = 0; oy < dims.oh(); ++oy) {
      const Range ky = valid_taps(oy, dims.stride_h, dims.pad_h.begin, dims.kh, dims.h);
      for (int ox = 0; ox < dims.ow();) {
        const Range kx = columns(ox);
        int width = 1;
        while (!across_images && kx.size() == dims.kw && ox + width < dims.ow() &&
               columns(ox + width).size() == dims.kw) {
          ++width;
        }
        visit(OutputTile{n, oy, ox, across_images ? std::min(step, dims.n - n) : width, across_images, ky, kx});
        ox += width;
      }
    }
  }
}

/// One way in which an input pixel is read.
struct Reader {
  int tap = 0;
  int out = 0;
};

/// The taps and outputs that read input pixel `in`, in order of taps.
inline void find_readers(int in, int stride, int pad_begin, int kernel, int outputs, std::vector<Reader>& readers) {
  readers.clear();
  for (int tap = 0; tap < kernel; ++tap) {
    const int distance = in + pad_begin - tap;
    if (distance >= 0 && distance % stride == 0 && distance / stride < outputs) {
      readers.push_back({tap, distance / stride});
    }
  }
}

/// Uninitialized elements of the stream's memory with the 64 readable bytes behind them that kernels rely on.
/// `slack` more bytes may be written.
template <class T>
class Scratch {
 public:
  Scratch() = default;
  Scratch(Stream& stream, std::int64_t count, std::size_t slack = 64)
      : storage_(stream.allocate(static_cast<std::size_t>(count) * sizeof(T) + slack)) {}
  T* data() const { return static_cast<T*>(storage_->data()); }

 private:
  std::shared_ptr<Storage> storage_;
};

}  // namespace bnas::cpu
