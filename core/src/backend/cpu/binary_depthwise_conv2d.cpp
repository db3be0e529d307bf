// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/conv_window.hpp"
#include "backend/cpu/sliced_counts.hpp"

namespace bnas::cpu {
namespace {

template <class T>
void run(Stream& stream, const Word* x, const Word* w, const Conv2dDims& dims, T* y) {
  const auto words = static_cast<int>(words_for(dims.c));
  const std::int64_t image_words = std::int64_t{dims.h} * dims.w * words;
  const std::ptrdiff_t y_image = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  // (pixel, word, image); the last block is the padding: +1 everywhere.
  Scratch<Word> lanes(stream, (image_words + 1) * kSlicedImages);
  Word* const padding = lanes.data() + image_words * kSlicedImages;
  std::fill(lanes.data(), padding + kSlicedImages, 0U);
  std::vector<SlicedTap> taps;
  for (int n = 0; n < dims.n; n += kSlicedImages) {
    const int images = std::min(kSlicedImages, dims.n - n);
    for (int i = 0; i < images; ++i) {
      const Word* image = x + (n + i) * image_words;
      for (std::int64_t j = 0; j < image_words; ++j) {
        lanes.data()[j * kSlicedImages + i] = image[j];
      }
    }
    for (int oy = 0; oy < dims.oh(); ++oy) {
      const Range ky = valid_taps(oy, dims.stride_h, dims.pad_h.begin, dims.kh, dims.h);
      for (int ox = 0; ox < dims.ow(); ++ox) {
        const Range kx = valid_taps(ox, dims.stride_w, dims.pad_w.begin, dims.kw, dims.w);
        T* out = y + n * y_image + (std::ptrdiff_t{oy} * dims.ow() + ox) * dims.c;
        for (int word = 0; word < words; ++word) {
          taps.clear();
          for (int i = 0; i < dims.kh; ++i) {
            const int iy = oy * dims.stride_h + i - dims.pad_h.begin;
            for (int j = 0; j < dims.kw; ++j) {
              const Word weight = w[(std::ptrdiff_t{i} * dims.kw + j) * words + word];
              if (i >= ky.begin && i < ky.end && j >= kx.begin && j < kx.end) {
                const int ix = ox * dims.stride_w + j - dims.pad_w.begin;
                taps.push_back(
                    {lanes.data() + ((std::ptrdiff_t{iy} * dims.w + ix) * words + word) * kSlicedImages, weight});
              } else if (dims.pad_value == PadValue::one) {
                taps.push_back({padding, weight});
              }
            }
          }
          const int channels = std::min(kWordBits, dims.c - word * kWordBits);
          sliced_dots(taps, images, channels, out + std::ptrdiff_t{word} * kWordBits, y_image);
        }
      }
    }
  }
}

}  // namespace

void binary_depthwise_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y) {
  check(x.dtype() == DType::bit && w.dtype() == DType::bit, "binary_depthwise_conv2d", "x and w must be bits");
  const int taps = dims.kh * dims.kw;
  check(y.dtype() == dot_dtype(taps) && y.dtype() != DType::i32, "binary_depthwise_conv2d",
        std::string("y is ") + dtype_name(y.dtype()) + " for " + std::to_string(taps) + " taps");
  if (y.dtype() == DType::i8) {
    run(stream, x.data<Word>(), w.data<Word>(), dims, y.data<std::int8_t>());
  } else {
    run(stream, x.data<Word>(), w.data<Word>(), dims, y.data<std::int16_t>());
  }
}

}  // namespace bnas::cpu
