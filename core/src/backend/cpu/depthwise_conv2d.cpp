// SPDX-License-Identifier: Apache-2.0
// Depthwise float convolution and its gradients, sums over taps or pixels. With stride 1 all three go along rows of
// padded images (depthwise_rows.hpp). Else channels are the lanes, and rows of a tile are images (forward, input
// gradient), which share the taps of a pixel, or the taps of a kernel row (weight gradient).
#include <algorithm>
#include <vector>

#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/depthwise_rows.hpp"
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

/// out[c] = sum of the taps outside the image, which read +1.
void sum_padding(const float* taps, const Conv2dDims& dims, Range ky, Range kx, float* out) {
  std::fill(out, out + dims.c, 0.0F);
  for (int i = 0; i < dims.kh; ++i) {
    for (int j = 0; j < dims.kw; ++j) {
      if (i >= ky.begin && i < ky.end && j >= kx.begin && j < kx.end) {
        continue;
      }
      const float* tap = taps + (std::ptrdiff_t{i} * dims.kw + j) * dims.c;
      for (int c = 0; c < dims.c; ++c) {
        out[c] += tap[c];
      }
    }
  }
}

bool has_stride(const Conv2dDims& dims) { return dims.stride_h != 1 || dims.stride_w != 1; }

DepthwiseRows rows_of(const Conv2dDims& dims) {
  DepthwiseRows rows;
  rows.channels = dims.c;
  rows.kh = dims.kh;
  rows.kw = dims.kw;
  rows.rows = dims.oh();
  rows.pixels = dims.ow();
  rows.period = row_period(dims.c);
  return rows;
}

/// taps (KH,KW,C) repeated over the period, from the last one to the first where `reversed`.
Scratch<float> repeated(Stream& stream, const float* taps, const Conv2dDims& dims, bool reversed) {
  const std::int64_t count = std::int64_t{dims.kh} * dims.kw, period = row_period(dims.c);
  Scratch<float> result(stream, count * period);
  for (std::int64_t tap = 0; tap < count; ++tap) {
    const float* from = taps + (reversed ? count - 1 - tap : tap) * dims.c;
    for (std::int64_t i = 0; i < period; i += dims.c) {
      std::copy(from, from + dims.c, result.data() + tap * period + i);
    }
  }
  return result;
}

/// Calls visit(image with its padding, its number) for all of x, one after the other.
template <class Visit>
void for_each_padded(Stream& stream, const Tensor& x, const Conv2dDims& dims, Visit visit) {
  FloatImages images(stream, x, 1, std::int64_t{dims.h} * dims.w, dims.c);
  PaddedImages padded(stream, dims, 1);
  DepthwiseRows rows = rows_of(dims);
  rows.x_row = padded.row();
  for (int n = 0; n < dims.n; ++n) {
    rows.x = padded.fill(images.group(n, 1), 1);
    visit(rows, n);
  }
}

void convolve_rows(Stream& stream, const Tensor& x, const float* taps, const Conv2dDims& dims, Tensor& y,
                   bool accumulate) {
  const std::ptrdiff_t y_image = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  for_each_padded(stream, x, dims, [&](const DepthwiseRows& rows, int n) {
    depthwise_rows(rows, taps, y.data<float>() + n * y_image, accumulate);
  });
}

/// dw from the chains of all images, added up in their order.
void sum_rows(Stream& stream, const Tensor& dy, const Tensor& x, const Conv2dDims& dims, Tensor& dw, GradMode mode) {
  const std::ptrdiff_t y_image = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  const std::int64_t taps = std::int64_t{dims.kh} * dims.kw, period = row_period(dims.c);
  const Scratch<float> sums(stream, taps * period);
  std::fill(sums.data(), sums.data() + taps * period, 0.0F);
  for_each_padded(stream, x, dims, [&](const DepthwiseRows& rows, int n) {
    depthwise_sums(rows, dy.data<float>() + n * y_image, sums.data());
  });
  for (std::int64_t i = 0; i < taps * dims.c; ++i) {
    double sum = 0.0;
    for (std::int64_t place = i % dims.c; place < period; place += dims.c) {
      sum += static_cast<double>(sums.data()[i / dims.c * period + place]);
    }
    float& to = dw.data<float>()[i];
    to = mode == GradMode::accumulate ? to + static_cast<float>(sum) : static_cast<float>(sum);
  }
}

/// The convolution of dy with reversed taps whose result is the input gradient.
Conv2dDims reversed(const Conv2dDims& dims) {
  const auto mirrored = [](int kernel, AxisPad pad, int in, int out) {
    const int begin = kernel - 1 - pad.begin;
    return AxisPad{begin, in + kernel - 1 - out - begin};
  };
  Conv2dDims back = dims;
  back.h = dims.oh();
  back.w = dims.ow();
  back.pad_h = mirrored(dims.kh, dims.pad_h, dims.h, back.h);
  back.pad_w = mirrored(dims.kw, dims.pad_w, dims.w, back.w);
  back.pad_value = PadValue::zero;
  return back;
}

}  // namespace

void depthwise_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y) {
  const Taps taps(stream, w, dims);
  if (!has_stride(dims)) {
    return convolve_rows(stream, x, repeated(stream, taps.data(), dims, false).data(), dims, y, false);
  }
  const int group = std::min(kImagesPerGroup, dims.n);
  FloatImages images(stream, x, group, std::int64_t{dims.h} * dims.w, dims.c);
  FmaArgs args;
  args.a_row = std::ptrdiff_t{dims.h} * dims.w * dims.c;
  args.a_step = dims.c;
  args.b = taps.data();
  args.b_step = dims.c;
  args.c_row = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  args.columns = dims.c;
  std::vector<TileRun> runs;
  for (int n = 0; n < dims.n; n += group) {
    const int count = std::min(group, dims.n - n);
    args.a = images.group(n, count);
    args.c = y.data<float>() + n * args.c_row;
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
        for (int i = 0; i < count && args.accumulate; ++i) {
          sum_padding(taps.data(), dims, ky, kx, args.c + i * args.c_row);
        }
        args.runs = runs.data();
        args.run_count = static_cast<std::int64_t>(runs.size());
        args.run_length = kx.size();
        fma_channels(args, count);
      }
    }
  }
}

void depthwise_conv2d_backward_input(Stream& stream, const Tensor& dy, const Tensor& w, const Conv2dDims& dims,
                                     Tensor& dx, GradMode mode) {
  const Taps taps(stream, w, dims);
  if (!has_stride(dims)) {
    return convolve_rows(stream, dy, repeated(stream, taps.data(), dims, true).data(), reversed(dims), dx,
                         mode == GradMode::accumulate);
  }
  FmaArgs args;
  args.a_row = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  args.b = taps.data();
  args.run_length = 1;
  args.c_row = std::ptrdiff_t{dims.h} * dims.w * dims.c;
  args.columns = dims.c;
  args.accumulate = mode == GradMode::accumulate;
  std::vector<Reader> rows;
  std::vector<Reader> columns;
  std::vector<TileRun> runs;
  for (int n = 0; n < dims.n; n += kImagesPerGroup) {
    args.a = dy.data<float>() + n * args.a_row;
    args.c = dx.data<float>() + n * args.c_row;
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
        fma_channels(args, std::min(kImagesPerGroup, dims.n - n));
      }
    }
  }
}

void depthwise_conv2d_backward_weight(Stream& stream, const Tensor& dy, const Tensor& x, const Conv2dDims& dims,
                                      Tensor& dw, GradMode mode) {
  const std::ptrdiff_t y_image = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.c;
  if (!has_stride(dims)) {
    return sum_rows(stream, dy, x, dims, dw, mode);
  }
  const int group = std::min(kImagesPerGroup, dims.n);
  FloatImages images(stream, x, group, std::int64_t{dims.h} * dims.w, dims.c);
  PaddedImages padded(stream, dims, group);  // so that all taps of a kernel row see all outputs
  FmaArgs args;
  args.a_row = dims.c;
  args.a_step = std::ptrdiff_t{dims.stride_w} * dims.c;
  args.b_step = dims.c;
  args.run_length = dims.ow();
  args.c_row = dims.c;
  args.columns = dims.c;
  std::vector<TileRun> runs;
  for (int n = 0; n < dims.n; n += group) {
    const int count = std::min(group, dims.n - n);
    args.a = padded.fill(images.group(n, count), count);
    args.b = dy.data<float>() + n * y_image;
    args.accumulate = mode == GradMode::accumulate || n > 0;
    for (int ky = 0; ky < dims.kh; ++ky) {
      runs.clear();
      for (int i = 0; i < count; ++i) {
        for (int oy = 0; oy < dims.oh(); ++oy) {
          runs.push_back({i * padded.image() + (std::ptrdiff_t{oy} * dims.stride_h + ky) * padded.row(),
                          i * y_image + std::ptrdiff_t{oy} * dims.ow() * dims.c});
        }
      }
      args.runs = runs.data();
      args.run_count = static_cast<std::int64_t>(runs.size());
      args.c = dw.data<float>() + std::ptrdiff_t{ky} * dims.kw * dims.c;
      fma_channels(args, dims.kw);
    }
  }
}

}  // namespace bnas::cpu
