// SPDX-License-Identifier: Apache-2.0
// Windows of pools: which taps an output has, which outputs a pixel feeds, and values at a pixel.
#pragma once

#include "bnas/cuda/pool.hpp"
#include "support/divide.cuh"
#include "support/packed_rows.cuh"

namespace bnas::cuda {

/// Integers [begin, end).
struct Range {
  int begin, end;
  BNAS_HD int size() const { return end - begin; }
};

/// Pixels under the window of output `out`, along one axis.
BNAS_HD inline Range taps_of(int out, int length, int kernel, int stride, AxisPad pad) {
  const int first = out * stride - pad.begin;
  return {first > 0 ? first : 0, first + kernel < length ? first + kernel : length};
}

/// Outputs whose window lies over a pixel in [first, last], along one axis.
BNAS_HD inline Range outputs_over(int first, int last, int outputs, int kernel, int stride, AxisPad pad) {
  const int from = first + pad.begin - kernel + stride;  // the least o with o * stride > first + begin - kernel
  const int to = last + pad.begin;
  const int begin = from > 0 ? from / stride : 0;
  const int end = to < 0 ? 0 : to / stride + 1;
  return {begin, end < outputs ? end : outputs};
}

__device__ inline Range tap_rows(const Pool2dDims& d, int oh) { return taps_of(oh, d.h, d.kh, d.stride_h, d.pad_h); }
__device__ inline Range tap_columns(const Pool2dDims& d, int ow) { return taps_of(ow, d.w, d.kw, d.stride_w, d.pad_w); }

/// Threads of a pixel: one for each four channels.
BNAS_HD inline int quads_of(int channels) { return (channels + kQuad - 1) / kQuad; }

/// Four channels of a pixel, from 4 * q on.
__device__ inline Quad quad_at(std::int64_t pixel, int q, int channels) {
  const int channel = q * kQuad;
  const int left = channels - channel;
  return {pixel * words_for(channels) + channel / kWordBits, pixel * channels + channel, channel % kWordBits,
          left < kQuad ? left : kQuad, channels % kQuad == 0};
}

/// x as floats.
struct FloatImages {
  const float* x;
  __device__ Four<float> operator()(const Quad& quad) const { return load(x, quad, 0.0F); }
};
struct BitImages {
  const Word* x;
  __device__ Four<float> operator()(const Quad& quad) const {
    const Word word = x[quad.word] >> quad.shift;
    return {bit_value(word & 1U), bit_value(word & 2U), bit_value(word & 4U), bit_value(word & 8U)};
  }
};

/// One output pixel.
struct PoolOutput {
  std::int64_t image;  // first pixel of its image in x
  Range rows, columns;

  __device__ PoolOutput(const Pool2dDims& d, std::int64_t n, int oh, int ow)
      : image(n * d.h * d.w), rows(tap_rows(d, oh)), columns(tap_columns(d, ow)) {}
  /// At pixel `index` of y.
  __device__ static PoolOutput at(const Pool2dDims& d, std::int64_t index) {
    const std::int64_t line = divide(index, d.ow());
    const std::int64_t n = divide(line, d.oh());
    return {d, n, static_cast<int>(line - n * d.oh()), static_cast<int>(index - line * d.ow())};
  }
};

inline std::int64_t output_pixels(const Pool2dDims& d) { return std::int64_t{d.n} * d.oh() * d.ow(); }
inline std::int64_t input_pixels(const Pool2dDims& d) { return std::int64_t{d.n} * d.h * d.w; }

/// Sizes are positive and every window has a tap inside.
inline bool is_valid(const Pool2dDims& d) {
  // Between the first and the last window taps cannot run out.
  const auto has_taps = [](int outputs, int length, int kernel, int stride, AxisPad pad) {
    return outputs > 0 && taps_of(0, length, kernel, stride, pad).size() > 0 &&
           taps_of(outputs - 1, length, kernel, stride, pad).size() > 0;
  };
  return d.n > 0 && d.h > 0 && d.w > 0 && d.c > 0 && d.kh > 0 && d.kw > 0 && d.stride_h > 0 && d.stride_w > 0 &&
         has_taps(d.oh(), d.h, d.kh, d.stride_h, d.pad_h) && has_taps(d.ow(), d.w, d.kw, d.stride_w, d.pad_w);
}

}  // namespace bnas::cuda
