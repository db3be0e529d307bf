// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/float_images.hpp"
#include "backend/cpu/fma_tile.hpp"

namespace bnas::cpu {
namespace {

class FloatConv {
 public:
  FloatConv(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y)
      : dims_(dims),
        filters_((dims.o + 15) / 16 * 16),
        packed_(stream, std::int64_t{dims.kh} * dims.kw * dims.c * filters_),
        extra_(static_cast<std::size_t>(dims.o)),
        x_(stream, x, dims.n, std::int64_t{dims.h} * dims.w, dims.c),
        y_(y.data<float>()) {
    pack(stream, w);
    images_ = x_.group(0, dims.n);
  }

  void run() {
    if (is_pointwise(dims_)) {
      return compute({0, 0, 0, dims_.n * dims_.h * dims_.w, false, {0, 1}, {0, 1}});
    }
    for_each_output_tile(dims_, [this](const OutputTile& tile) { compute(tile); });
  }

 private:
  /// [tap][c][filter] with rows of filters_.
  void pack(Stream& stream, const Tensor& w) {
    const std::int64_t taps = std::int64_t{dims_.kh} * dims_.kw;
    FloatImages floats(stream, w, dims_.o, taps, dims_.c);
    const float* source = floats.group(0, dims_.o);
    for (std::int64_t k = 0; k < taps * dims_.c; ++k) {
      for (int o = 0; o < dims_.o; ++o) {
        packed_.data()[k * filters_ + o] = source[o * taps * dims_.c + k];
      }
    }
  }

  void compute(const OutputTile& tile) {
    const std::ptrdiff_t x_image = std::ptrdiff_t{dims_.h} * dims_.w * dims_.c;
    const std::ptrdiff_t y_image = std::ptrdiff_t{dims_.oh()} * dims_.ow() * dims_.o;
    runs_.clear();
    for (int k = tile.ky.begin; k < tile.ky.end && tile.kx.size() > 0; ++k) {
      const int iy = tile.oy * dims_.stride_h + k - dims_.pad_h.begin;
      const int ix = tile.ox * dims_.stride_w + tile.kx.begin - dims_.pad_w.begin;
      runs_.push_back({(std::ptrdiff_t{iy} * dims_.w + ix) * dims_.c,
                       (std::ptrdiff_t{k} * dims_.kw + tile.kx.begin) * dims_.c * filters_});
    }
    FmaArgs args;
    args.a = images_ + tile.n * x_image;
    args.a_row = tile.across_images ? x_image : std::ptrdiff_t{dims_.stride_w} * dims_.c;
    args.b = packed_.data();
    args.b_step = filters_;
    args.runs = runs_.data();
    args.run_count = static_cast<std::int64_t>(runs_.size());
    args.run_length = std::int64_t{tile.kx.size()} * dims_.c;
    args.c = y_ + tile.n * y_image + (std::ptrdiff_t{tile.oy} * dims_.ow() + tile.ox) * dims_.o;
    args.c_row = tile.across_images ? y_image : dims_.o;
    args.columns = dims_.o;
    if (dims_.pad_value == PadValue::one && !tile.whole_window(dims_)) {
      sum_padding(tile);
      for (int row = 0; row < tile.rows; ++row) {
        std::copy(extra_.begin(), extra_.end(), args.c + row * args.c_row);
      }
      args.accumulate = true;
    }
    fma_block(args, tile.rows);
  }

  /// Per filter: the weights of the taps outside the image, which read +1.
  void sum_padding(const OutputTile& tile) {
    std::fill(extra_.begin(), extra_.end(), 0.0F);
    for (int i = 0; i < dims_.kh; ++i) {
      for (int j = 0; j < dims_.kw; ++j) {
        if (i >= tile.ky.begin && i < tile.ky.end && j >= tile.kx.begin && j < tile.kx.end) {
          continue;
        }
        const float* w = packed_.data() + (std::ptrdiff_t{i} * dims_.kw + j) * dims_.c * filters_;
        for (int c = 0; c < dims_.c; ++c) {
          for (std::size_t o = 0; o < extra_.size(); ++o) {
            extra_[o] += w[c * filters_ + static_cast<std::ptrdiff_t>(o)];
          }
        }
      }
    }
  }

  Conv2dDims dims_;
  std::ptrdiff_t filters_;
  Scratch<float> packed_;
  std::vector<float> extra_;
  FloatImages x_;
  const float* images_ = nullptr;
  float* y_;
  std::vector<TileRun> runs_;
};

}  // namespace

void conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y) {
  FloatConv(stream, x, w, dims, y).run();
}

}  // namespace bnas::cpu
