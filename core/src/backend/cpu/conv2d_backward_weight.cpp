// SPDX-License-Identifier: Apache-2.0
// dw[o][ky][kx][c] = sum over n, oy, ox in this order: dy[n][oy][ox][o] * x[n][iy][ix][c].
// Images are taken in groups that stay in the cache; dw itself holds the sums between groups.
#include <vector>

#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/float_images.hpp"
#include "backend/cpu/fma_tile.hpp"

namespace bnas::cpu {
namespace {

/// Share of the lanes in use when rows of `columns` are cut into vectors of 16, in 1/16.
constexpr int lane_use(int columns) { return columns * 16 / ((columns + 15) / 16 * 16); }

/// Lanes are input channels, rows filters: for each tap the pixels inside the image.
void sum_by_channels(const float* dy, const float* x, int images, const Conv2dDims& dims, float* dw, bool accumulate) {
  FmaArgs args;
  args.a = dy;
  args.a_row = 1;
  args.a_step = dims.o;
  args.b = x;
  args.b_step = std::ptrdiff_t{dims.stride_w} * dims.c;
  args.c_row = std::ptrdiff_t{dims.kh} * dims.kw * dims.c;
  args.columns = dims.c;
  args.accumulate = accumulate;
  std::vector<TileRun> runs;
  for (int ky = 0; ky < dims.kh; ++ky) {
    const Range oy = valid_outputs(ky, dims.stride_h, dims.pad_h.begin, dims.h, dims.oh());
    for (int kx = 0; kx < dims.kw; ++kx) {
      const Range ox = valid_outputs(kx, dims.stride_w, dims.pad_w.begin, dims.w, dims.ow());
      runs.clear();
      for (int n = 0; n < images; ++n) {
        for (int y = oy.begin; y < oy.end && ox.size() > 0; ++y) {
          const int iy = y * dims.stride_h + ky - dims.pad_h.begin;
          const int ix = ox.begin * dims.stride_w + kx - dims.pad_w.begin;
          runs.push_back({((std::ptrdiff_t{n} * dims.oh() + y) * dims.ow() + ox.begin) * dims.o,
                          ((std::ptrdiff_t{n} * dims.h + iy) * dims.w + ix) * dims.c});
        }
      }
      args.runs = runs.data();
      args.run_count = static_cast<std::int64_t>(runs.size());
      args.run_length = ox.size();
      args.c = dw + (std::ptrdiff_t{ky} * dims.kw + kx) * dims.c;
      fma_block(args, dims.o);
    }
  }
}

/// Lanes are filters, rows the window's columns and channels (few channels, as in a stem). sums is (KH, KW*C, O).
void sum_by_filters(const float* dy, const float* padded, std::ptrdiff_t row, std::ptrdiff_t image, int images,
                    const Conv2dDims& dims, float* sums) {
  FmaArgs args;
  args.a = padded;
  args.a_row = 1;
  args.a_step = std::ptrdiff_t{dims.stride_w} * dims.c;
  args.b = dy;
  args.b_step = dims.o;
  args.run_length = dims.ow();
  args.c_row = dims.o;
  args.columns = dims.o;
  args.accumulate = true;
  const int window = dims.kw * dims.c;
  std::vector<TileRun> runs;
  for (int ky = 0; ky < dims.kh; ++ky) {
    const Range oy = dims.pad_value == PadValue::one
                         ? Range{0, dims.oh()}
                         : valid_outputs(ky, dims.stride_h, dims.pad_h.begin, dims.h, dims.oh());
    runs.clear();
    for (int n = 0; n < images; ++n) {
      for (int y = oy.begin; y < oy.end; ++y) {
        runs.push_back({n * image + (std::ptrdiff_t{y} * dims.stride_h + ky) * row,
                        (std::ptrdiff_t{n} * dims.oh() + y) * dims.ow() * dims.o});
      }
    }
    args.runs = runs.data();
    args.run_count = static_cast<std::int64_t>(runs.size());
    args.c = sums + std::ptrdiff_t{ky} * window * dims.o;
    fma_block(args, window);
  }
}

/// to (columns, rows) = from (rows, columns) transposed.
void transpose(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      to[c * rows + r] = from[r * columns + c];
    }
  }
}

}  // namespace

void conv2d_backward_weight(Stream& stream, const Tensor& dy, const Tensor& x, const Conv2dDims& dims, Tensor& dw,
                            GradMode mode) {
  const std::int64_t x_image = std::int64_t{dims.h} * dims.w * dims.c;
  const std::int64_t y_image = std::int64_t{dims.oh()} * dims.ow() * dims.o;
  const std::int64_t window = std::int64_t{dims.kh} * dims.kw * dims.c;
  const int group = images_in_cache(x_image + y_image, dims.n);
  const bool by_filters = lane_use(dims.o) > lane_use(dims.c);
  // Padding with ones gives every output a full window, which only padded images have.
  const bool padded_images = by_filters || dims.pad_value == PadValue::one;
  FloatImages images(stream, x, group, std::int64_t{dims.h} * dims.w, dims.c);
  auto* out = dw.data<float>();
  Scratch<float> sums;
  if (by_filters) {
    sums = Scratch<float>(stream, window * dims.o);
    if (mode == GradMode::accumulate) {
      transpose(out, dims.o, window, sums.data());
    } else {
      std::fill(sums.data(), sums.data() + window * dims.o, 0.0F);
    }
  }
  PaddedImages padded(stream, dims, padded_images ? group : 0);
  const Conv2dDims inner = padded_images ? padded.inner() : dims;
  for (int n = 0; n < dims.n; n += group) {
    const int count = std::min(group, dims.n - n);
    const float* upstream = dy.data<float>() + n * y_image;
    const float* input = images.group(n, count);
    if (padded_images) {
      input = padded.fill(input, count);
    }
    if (by_filters) {
      sum_by_filters(upstream, input, padded.row(), padded.image(), count, dims, sums.data());
    } else {
      sum_by_channels(upstream, input, count, inner, out, mode == GradMode::accumulate || n > 0);
    }
  }
  if (by_filters) {
    transpose(sums.data(), window, dims.o, out);
  }
}

}  // namespace bnas::cpu
