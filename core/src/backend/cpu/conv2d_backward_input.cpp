// SPDX-License-Identifier: Apache-2.0
// dx[iy][ix][c] = sum over taps that read the pixel, over o: dy[oy][ox][o] * w[o][ky][kx][c], in the order ky, kx, o.
// The rows of a tile are images, which share the taps of a pixel: no padding, no scatter, no waste at the border.
#include <cstring>
#include <vector>

#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/float_images.hpp"
#include "backend/cpu/fma_tile.hpp"

namespace bnas::cpu {
namespace {

constexpr int kImagesPerTile = 8;

/// w (O,KH,KW,C) as floats [tap][o][c].
Scratch<float> taps_first(Stream& stream, const Tensor& w, const Conv2dDims& dims) {
  const std::int64_t taps = std::int64_t{dims.kh} * dims.kw;
  FloatImages floats(stream, w, dims.o, taps, dims.c);
  const float* source = floats.group(0, dims.o);
  Scratch<float> packed(stream, taps * dims.o * dims.c);
  for (std::int64_t o = 0; o < dims.o; ++o) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      std::memcpy(packed.data() + (tap * dims.o + o) * dims.c, source + (o * taps + tap) * dims.c,
                  static_cast<std::size_t>(dims.c) * sizeof(float));
    }
  }
  return packed;
}

}  // namespace

void conv2d_backward_input(Stream& stream, const Tensor& dy, const Tensor& w, const Conv2dDims& dims, Tensor& dx,
                           GradMode mode) {
  const Scratch<float> weights = taps_first(stream, w, dims);
  const std::ptrdiff_t x_image = std::ptrdiff_t{dims.h} * dims.w * dims.c;
  const std::ptrdiff_t y_image = std::ptrdiff_t{dims.oh()} * dims.ow() * dims.o;
  FmaArgs args;
  args.a_row = y_image;
  args.a_step = 1;
  args.b = weights.data();
  args.b_step = dims.c;
  args.run_length = dims.o;
  args.c_row = x_image;
  args.columns = dims.c;
  args.accumulate = mode == GradMode::accumulate;
  if (is_pointwise(dims)) {
    const TileRun run;
    args.a = dy.data<float>();
    args.a_row = dims.o;
    args.runs = &run;
    args.run_count = 1;
    args.c = dx.data<float>();
    args.c_row = dims.c;
    return fma_block(args, dims.n * dims.h * dims.w);
  }
  std::vector<Reader> rows;
  std::vector<Reader> columns;
  std::vector<TileRun> runs;
  for (int n = 0; n < dims.n; n += kImagesPerTile) {
    const int images = std::min(kImagesPerTile, dims.n - n);
    args.a = dy.data<float>() + n * y_image;
    float* image = dx.data<float>() + n * x_image;
    for (int iy = 0; iy < dims.h; ++iy) {
      find_readers(iy, dims.stride_h, dims.pad_h.begin, dims.kh, dims.oh(), rows);
      for (int ix = 0; ix < dims.w; ++ix) {
        find_readers(ix, dims.stride_w, dims.pad_w.begin, dims.kw, dims.ow(), columns);
        runs.clear();
        for (const Reader& row : rows) {
          for (const Reader& column : columns) {
            runs.push_back({(std::ptrdiff_t{row.out} * dims.ow() + column.out) * dims.o,
                            (std::ptrdiff_t{row.tap} * dims.kw + column.tap) * dims.o * dims.c});
          }
        }
        args.runs = runs.data();
        args.run_count = static_cast<std::int64_t>(runs.size());
        args.c = image + (std::ptrdiff_t{iy} * dims.w + ix) * dims.c;
        fma_block(args, images);
      }
    }
  }
}

}  // namespace bnas::cpu
