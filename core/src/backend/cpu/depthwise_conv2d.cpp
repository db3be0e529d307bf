// SPDX-License-Identifier: Apache-2.0
// Depthwise float convolution and its gradients: channels are the lanes, sums run over taps or pixels.
#include <vector>

#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/float_images.hpp"
#include "backend/cpu/fma_tile.hpp"

namespace bnas::cpu {
namespace {

constexpr int kImagesPerGroup = 8;

/// w (KH,KW,C) as floats.
class Taps {
 public:
  Taps(Stream& stream, const Tensor& w, const Conv2dDims& dims)
      : images_(stream, w, 1, std::int64_t{dims.kh} * dims.kw, dims.c), data_(images_.group(0, 1)) {}
  const float* data() const { return data_; }

 private:
  FloatImages images_;
  const float* data_;
};

}  // namespace

void depthwise_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y) {
  const Taps taps(stream, w, dims);
  FloatImages images(stream, x, 1, std::int64_t{dims.h} * dims.w, dims.c);
  FmaArgs args;
  args.a_step = dims.c;
  args.b = taps.data();
  args.b_step = dims.c;
  args.columns = dims.c;
  args.c = y.data<float>();
  std::vector<TileRun> runs;
  for (int n = 0; n < dims.n; ++n) {
    args.a = images.group(n, 1);
    for (int oy = 0; oy < dims.oh(); ++oy) {
      const Range ky = valid_taps(oy, dims.stride_h, dims.pad_h.begin, dims.kh, dims.h);
      for (int ox = 0; ox < dims.ow(); ++ox, args.c += dims.c) {
        const Range kx = valid_taps(ox, dims.stride_w, dims.pad_w.begin, dims.kw, dims.w);
        runs.clear();
        for (int k = ky.begin; k < ky.end && kx.size() > 0; ++k) {
          const int iy = oy * dims.stride_h + k - dims.pad_h.begin;
          const int ix = ox * dims.stride_w + kx.begin - dims.pad_w.begin;
          runs.push_back(
              {(std::ptrdiff_t{iy} * dims.w + ix) * dims.c, (std::ptrdiff_t{k} * dims.kw + kx.begin) * dims.c});
        }
        args.accumulate = dims.pad_value == PadValue::one && ky.size() * kx.size() < dims.kh * dims.kw;
        if (args.accumulate) {
          std::fill(args.c, args.c + dims.c, 0.0F);
          for (int i = 0; i < dims.kh; ++i) {
            for (int j = 0; j < dims.kw; ++j) {
              const bool inside = i >= ky.begin && i < ky.end && j >= kx.begin && j < kx.end;
              const float* tap = taps.data() + (std::ptrdiff_t{i} * dims.kw + j) * dims.c;
              for (int c = 0; c < dims.c && !inside; ++c) {
                args.c[c] += tap[c];
              }
            }
          }
        }
        args.runs = runs.data();
        args.run_count = static_cast<std::int64_t>(runs.size());
        args.run_length = kx.size();
        fma_channels(args);
      }
    }
  }
}

void depthwise_conv2d_backward_input(Stream& stream, const Tensor& dy, const Tensor& w, const Conv2dDims& dims,
                                     Tensor& dx, GradMode mode) {
  const Taps taps(stream, w, dims);
  const std::ptrdiff_t y_image = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  FmaArgs args;
  args.b = taps.data();
  args.run_length = 1;
  args.columns = dims.c;
  args.accumulate = mode == GradMode::accumulate;
  args.c = dx.data<float>();
  std::vector<Reader> rows;
  std::vector<Reader> columns;
  std::vector<TileRun> runs;
  for (int n = 0; n < dims.n; ++n) {
    args.a = dy.data<float>() + n * y_image;
    for (int iy = 0; iy < dims.h; ++iy) {
      find_readers(iy, dims.stride_h, dims.pad_h.begin, dims.kh, dims.oh(), rows);
      for (int ix = 0; ix < dims.w; ++ix, args.c += dims.c) {
        find_readers(ix, dims.stride_w, dims.pad_w.begin, dims.kw, dims.ow(), columns);
        runs.clear();
        for (const Reader& row : rows) {
          for (const Reader& column : columns) {
            runs.push_back({(std::ptrdiff_t{row.out} * dims.ow() + column.out) * dims.c,
                            (std::ptrdiff_t{row.tap} * dims.kw + column.tap) * dims.c});
          }
        }
        args.runs = runs.data();
        args.run_count = static_cast<std::int64_t>(runs.size());
        fma_channels(args);
      }
    }
  }
}

void depthwise_conv2d_backward_weight(Stream& stream, const Tensor& dy, const Tensor& x, const Conv2dDims& dims,
                                      Tensor& dw, GradMode mode) {
  const std::ptrdiff_t y_image = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  const int group = std::min(kImagesPerGroup, dims.n);
  FloatImages images(stream, x, group, std::int64_t{dims.h} * dims.w, dims.c);
  const bool padded_images = dims.pad_value == PadValue::one;
  PaddedImages padded(stream, dims, padded_images ? group : 0);
  const Conv2dDims inner = padded_images ? padded.inner() : dims;
  const std::ptrdiff_t x_image = std::ptrdiff_t{inner.h} * inner.w * dims.c;
  FmaArgs args;
  args.a_step = std::ptrdiff_t{dims.stride_w} * dims.c;
  args.b_step = dims.c;
  args.columns = dims.c;
  std::vector<TileRun> runs;
  for (int n = 0; n < dims.n; n += group) {
    const int count = std::min(group, dims.n - n);
    args.a = images.group(n, count);
    if (padded_images) {
      args.a = padded.fill(args.a, count);
    }
    args.b = dy.data<float>() + n * y_image;
    args.accumulate = mode == GradMode::accumulate || n > 0;
    for (int ky = 0; ky < dims.kh; ++ky) {
      const Range oy = valid_outputs(ky, dims.stride_h, inner.pad_h.begin, inner.h, dims.oh());
      for (int kx = 0; kx < dims.kw; ++kx) {
        const Range ox = valid_outputs(kx, dims.stride_w, inner.pad_w.begin, inner.w, dims.ow());
        runs.clear();
        for (int i = 0; i < count; ++i) {
          for (int y = oy.begin; y < oy.end && ox.size() > 0; ++y) {
            const int iy = y * dims.stride_h + ky - inner.pad_h.begin;
            const int ix = ox.begin * dims.stride_w + kx - inner.pad_w.begin;
            runs.push_back({i * x_image + (std::ptrdiff_t{iy} * inner.w + ix) * dims.c,
                            i * y_image + (std::ptrdiff_t{y} * dims.ow() + ox.begin) * dims.c});
          }
        }
        args.runs = runs.data();
        args.run_count = static_cast<std::int64_t>(runs.size());
        args.run_length = ox.size();
        args.c = dw.data<float>() + (std::ptrdiff_t{ky} * dims.kw + kx) * dims.c;
        fma_channels(args);
      }
    }
  }
}

}  // namespace bnas::cpu
