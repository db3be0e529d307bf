// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "backend/cpu/bit_expand.hpp"
#include "backend/cpu/conv_window.hpp"
#include "bnas/core/tensor.hpp"

namespace bnas::cpu {

/// The operand of a float kernel, image by image: floats where they lie, bits expanded into scratch group by group.
class FloatImages {
 public:
  /// `images` per group at most; an image has `pixels` rows of `channels`.
  FloatImages(Stream& stream, const Tensor& x, int images, std::int64_t pixels, int channels)
      : pixels_(pixels), channels_(channels) {
    if (x.dtype() == DType::bit) {
      bits_ = x.data<Word>();
      scratch_ = Scratch<float>(stream, images * pixels * channels);
    } else {
      floats_ = x.data<float>();
    }
  }

  /// Images [n, n + count), valid until the next call.
  const float* group(std::int64_t n, std::int64_t count) {
    if (bits_ == nullptr) {
      return floats_ + n * pixels_ * channels_;
    }
    expand_bits(bits_ + n * pixels_ * words_for(channels_), count * pixels_, channels_, scratch_.data());
    return scratch_.data();
  }

 private:
  std::int64_t pixels_;
  int channels_;
  const Word* bits_ = nullptr;
  const float* floats_ = nullptr;
  Scratch<float> scratch_;
};

/// The pixels of x that the windows touch, (n, (OH-1)*stride+KH, (OW-1)*stride+KW, C), with the padding filled in.
class PaddedImages {
 public:
  PaddedImages(Stream& stream, const Conv2dDims& dims, int images)
      : dims_(dims),
        height_((dims.oh() - 1) * dims.stride_h + dims.kh),
        width_((dims.ow() - 1) * dims.stride_w + dims.kw),
        scratch_(stream, std::int64_t{images} * height_ * width_ * dims.c) {}

  std::ptrdiff_t row() const { return std::ptrdiff_t{width_} * dims_.c; }
  std::ptrdiff_t image() const { return height_ * row(); }

  const float* fill(const float* x, int images) {
    const float pad = dims_.pad_value == PadValue::one ? 1.0F : 0.0F;
    std::fill(scratch_.data(), scratch_.data() + images * image(), pad);
    const Range columns{std::max(0, dims_.pad_w.begin), std::min(width_, dims_.w + dims_.pad_w.begin)};
    if (columns.size() <= 0) {
      return scratch_.data();
    }
    for (int n = 0; n < images; ++n) {
      for (int y = std::max(0, dims_.pad_h.begin); y < std::min(height_, dims_.h + dims_.pad_h.begin); ++y) {
        const std::ptrdiff_t from =
            ((std::ptrdiff_t{n} * dims_.h + y - dims_.pad_h.begin) * dims_.w + columns.begin - dims_.pad_w.begin) *
            dims_.c;
        std::memcpy(scratch_.data() + n * image() + y * row() + std::ptrdiff_t{columns.begin} * dims_.c, x + from,
                    static_cast<std::size_t>(columns.size()) * static_cast<std::size_t>(dims_.c) * sizeof(float));
      }
    }
    return scratch_.data();
  }

  /// The same convolution seen from the padded images.
  Conv2dDims inner() const {
    Conv2dDims dims = dims_;
    dims.h = height_;
    dims.w = width_;
    dims.pad_h = dims.pad_w = AxisPad{};
    return dims;
  }

 private:
  Conv2dDims dims_;
  int height_;
  int width_;
  Scratch<float> scratch_;
};

/// Images whose working set of `floats_per_image` stays in the second-level cache, at least one.
inline int images_in_cache(std::int64_t floats_per_image, int images) {
  constexpr std::int64_t kFloats = 192 * 1024 / sizeof(float);
  return static_cast<int>(std::clamp<std::int64_t>(kFloats / std::max<std::int64_t>(floats_per_image, 1), 1, images));
}

}  // namespace bnas::cpu
