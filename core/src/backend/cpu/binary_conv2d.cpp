// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>
#include <vector>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/conv_window.hpp"
#include "backend/cpu/norm.hpp"
#include "backend/cpu/popcount_tile.hpp"

namespace bnas::cpu {
namespace {

class BinaryConv {
 public:
  BinaryConv(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y)
      : dims_(dims),
        words_(static_cast<int>(words_for(dims.c))),
        filters_(padded_filters(dims.o)),
        packed_(stream, std::int64_t{dims.kh} * dims.kw * words_ * filters_),
        tap_dots_(stream, dims.pad_value == PadValue::one ? std::int64_t{dims.kh} * dims.kw * filters_ : 0),
        extra_(stream, filters_),
        x_(x.data<Word>()),
        y_(static_cast<char*>(y.raw())),
        element_(static_cast<std::ptrdiff_t>(dtype_size(y.dtype()))) {
    pack(w.data<Word>());
    args_.w_step = filters_;
    args_.w = packed_.data();
    args_.dtype = y.dtype();
    args_.columns = dims.o;
  }

  void run() {
    for_each_output_tile(dims_, [this](const OutputTile& tile) { compute(tile); });
  }

 private:
  /// [tap][word][filter], filters padded with zeros; with one padding also the dot product of each tap with +1.
  void pack(const Word* w) {
    const int taps = dims_.kh * dims_.kw;
    Word* packed = packed_.data();
    std::memset(packed, 0, static_cast<std::size_t>(taps * words_ * filters_) * sizeof(Word));
    for (int o = 0; o < dims_.o; ++o) {
      for (int i = 0; i < taps * words_; ++i) {
        packed[i * filters_ + o] = w[std::ptrdiff_t{o} * taps * words_ + i];
      }
    }
    if (dims_.pad_value == PadValue::one) {
      for (int tap = 0; tap < taps; ++tap) {
        for (std::ptrdiff_t o = 0; o < filters_; ++o) {
          int minus = 0;
          for (int i = 0; i < words_; ++i) {
            minus += std::popcount(packed[(tap * words_ + i) * filters_ + o]);
          }
          tap_dots_.data()[tap * filters_ + o] = dot_from_mismatches(dims_.c, minus);
        }
      }
    }
  }

  void compute(const OutputTile& tile) {
    const std::ptrdiff_t x_image = std::ptrdiff_t{dims_.h} * dims_.w * words_;
    const std::ptrdiff_t y_image = std::ptrdiff_t{dims_.oh()} * dims_.ow() * dims_.o;
    const Range ky = tile.ky;
    const Range kx = tile.kx;
    runs_.clear();
    for (int k = ky.begin; k < ky.end && kx.size() > 0; ++k) {
      const int iy = tile.oy * dims_.stride_h + k - dims_.pad_h.begin;
      const int ix = tile.ox * dims_.stride_w + kx.begin - dims_.pad_w.begin;
      runs_.push_back({(std::ptrdiff_t{iy} * dims_.w + ix) * words_,
                       (std::ptrdiff_t{k} * dims_.kw + kx.begin) * words_ * filters_});
    }
    args_.x = x_ + tile.n * x_image;
    args_.x_row = tile.across_images ? x_image : std::ptrdiff_t{dims_.stride_w} * words_;
    args_.y = y_ + (tile.n * y_image + (std::ptrdiff_t{tile.oy} * dims_.ow() + tile.ox) * dims_.o) * element_;
    args_.y_row = tile.across_images ? y_image : dims_.o;
    args_.runs = runs_.data();
    args_.run_count = static_cast<std::int64_t>(runs_.size());
    args_.run_length = std::int64_t{kx.size()} * words_;
    args_.base = dims_.c * ky.size() * kx.size();
    args_.extra = dims_.pad_value == PadValue::one && !tile.whole_window(dims_) ? padding_dots(ky, kx) : nullptr;
    popcount_block(args_, tile.rows);
  }

  /// Per filter: what the taps outside the image contribute when they read +1.
  const std::int32_t* padding_dots(Range ky, Range kx) {
    std::int32_t* extra = extra_.data();
    std::fill(extra, extra + filters_, 0);
    for (int i = 0; i < dims_.kh; ++i) {
      for (int j = 0; j < dims_.kw; ++j) {
        if (i >= ky.begin && i < ky.end && j >= kx.begin && j < kx.end) {
          continue;
        }
        const std::int32_t* dots = tap_dots_.data() + (i * dims_.kw + j) * filters_;
        for (std::ptrdiff_t o = 0; o < filters_; ++o) {
          extra[o] += dots[o];
        }
      }
    }
    return extra;
  }

  Conv2dDims dims_;
  int words_;
  std::ptrdiff_t filters_;
  Scratch<Word> packed_;
  Scratch<std::int32_t> tap_dots_;
  Scratch<std::int32_t> extra_;
  const Word* x_;
  char* y_;
  std::ptrdiff_t element_;
  std::vector<TileRun> runs_;
  PopcountArgs args_;
};

}  // namespace

void binary_conv2d(Stream& stream, const Tensor& x, const Tensor& w, const Conv2dDims& dims, Tensor& y, Tensor& sums) {
  check(x.dtype() == DType::bit && w.dtype() == DType::bit, "binary_conv2d", "x and w must be bits");
  check(y.dtype() == dot_dtype(dims.k()), "binary_conv2d",
        std::string("y must be ") + dtype_name(dot_dtype(dims.k())) + ", is " + dtype_name(y.dtype()));
  if (sums.defined()) {
    expect("binary_conv2d", "sums", sums, DType::u8, sums_shape(dims.o));
  }
  BinaryConv(stream, x, w, dims, y).run();
  if (sums.defined()) {
    channel_sums(y, static_cast<std::int64_t*>(sums.raw()));
  }
}

}  // namespace bnas::cpu
