// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/pool.hpp"

#include "kernel_support.hpp"

namespace bnas::test {
namespace {

constexpr GradMode kModes[] = {GradMode::overwrite, GradMode::accumulate};

/// Windows that tell mistakes apart: SAME on odd and even images, overlap, unequal axes, skipped pixels, whole image.
std::vector<Pool2dDims> cases(int c) {
  return {
      {.n = 2,
       .h = 7,
       .w = 7,
       .c = c,
       .kh = 3,
       .kw = 3,
       .stride_h = 2,
       .stride_w = 2,
       .pad_h = {1, 1},
       .pad_w = {1, 1}},
      {.n = 1, .h = 4, .w = 5, .c = c, .kh = 3, .kw = 3, .pad_h = {1, 1}, .pad_w = {1, 1}},
      {.n = 1,
       .h = 4,
       .w = 4,
       .c = c,
       .kh = 3,
       .kw = 3,
       .stride_h = 2,
       .stride_w = 2,
       .pad_h = {0, 1},
       .pad_w = {0, 1}},
      {.n = 2, .h = 6, .w = 4, .c = c, .kh = 2, .kw = 1, .stride_h = 2, .stride_w = 3, .pad_h = {}, .pad_w = {}},
      {.n = 1,
       .h = 6,
       .w = 6,
       .c = c,
       .kh = 1,
       .kw = 1,
       .stride_h = 2,
       .stride_w = 2,
       .pad_h = {-1, 1},
       .pad_w = {-1, 1}},
      {.n = 3, .h = 4, .w = 4, .c = c, .kh = 4, .kw = 4, .pad_h = {}, .pad_w = {}},
      {.n = 1, .h = 1, .w = 1, .c = c, .kh = 3, .kw = 3, .pad_h = {1, 1}, .pad_w = {1, 1}},
  };
}

Shape image(const Pool2dDims& d) { return {d.n, d.h, d.w, d.c}; }
Shape pooled(const Pool2dDims& d) { return {d.n, d.oh(), d.ow(), d.c}; }

/// Calls f(y index, x indices of the taps inside the image in row-major order).
template <class F>
void for_each_output(const Pool2dDims& d, const F& f) {
  std::size_t out = 0;
  for (int n = 0; n < d.n; ++n) {
    for (int oh = 0; oh < d.oh(); ++oh) {
      for (int ow = 0; ow < d.ow(); ++ow) {
        for (int c = 0; c < d.c; ++c, ++out) {
          std::vector<std::size_t> taps;
          for (int i = 0; i < d.kh; ++i) {
            for (int j = 0; j < d.kw; ++j) {
              const int h = oh * d.stride_h - d.pad_h.begin + i;
              const int w = ow * d.stride_w - d.pad_w.begin + j;
              if (h >= 0 && h < d.h && w >= 0 && w < d.w) {
                taps.push_back(static_cast<std::size_t>(((n * d.h + h) * d.w + w) * d.c + c));
              }
            }
          }
          f(out, taps);
        }
      }
    }
  }
}

class PoolKernel : public CpuKernelTest {
 protected:
  /// Small integers, so that windows often have several equal maxima; bits as -1 and +1.
  Values input(const Pool2dDims& d, DType dtype) {
    Values x = random_integers(image(d).numel(), 1, 3);
    for (double& v : x) {
      v = dtype == DType::bit ? (v < 1 ? -1.0 : 1.0) : v;
    }
    return x;
  }

  template <class F>
  void for_each_case(const F& f) {
    for_each_target([&] {
      for (const int c : {1, 16, 24, 33, 65}) {
        for (const Pool2dDims& d : cases(c)) {
          SCOPED_TRACE(image(d).text() + " -> " + pooled(d).text());
          for (const DType dtype : {DType::f32, DType::bit}) {
            f(d, dtype, input(d, dtype));
          }
        }
      }
    });
  }
};

TEST_F(PoolKernel, MaxAndItsGradientTakeTheFirstLargestTap) {
  for_each_case([&](const Pool2dDims& d, DType dtype, const Values& x) {
    const Values dy = random(pooled(d).numel(), 2);
    for (const GradMode mode : kModes) {
      const double before = mode == GradMode::accumulate ? 0.5 : 0.0;
      Values want(dy.size()), gradient(x.size(), before);
      for_each_output(d, [&](std::size_t out, const std::vector<std::size_t>& taps) {
        std::size_t best = taps.front();
        for (const std::size_t tap : taps) {
          best = x[tap] > x[best] ? tap : best;
        }
        want[out] = x[best];
        gradient[best] += dy[out];
      });
      const Tensor tx = tensor(image(d), dtype, x);
      Tensor y = garbage(pooled(d), dtype);
      run<kernels::MaxPool>(tx, d, y);
      expect_equal(values(y), want);
      Tensor dx = mode == GradMode::accumulate ? tensor(image(d), DType::f32, Values(x.size(), before))
                                               : garbage(image(d), DType::f32);
      run<kernels::MaxPoolBackward>(tensor(pooled(d), DType::f32, dy), tx, d, dx, mode);
      expect_near(values(dx), gradient, 1e-6);  // up to 9 float additions
    }
  });
}

TEST_F(PoolKernel, AverageAndItsGradientDivideByTheTapsInside) {
  for_each_case([&](const Pool2dDims& d, DType dtype, const Values& x) {
    const Values dy = random(pooled(d).numel(), 3);
    for (const GradMode mode : kModes) {
      const double before = mode == GradMode::accumulate ? 0.5 : 0.0;
      Values want(dy.size()), gradient(x.size(), before);
      for_each_output(d, [&](std::size_t out, const std::vector<std::size_t>& taps) {
        for (const std::size_t tap : taps) {
          want[out] += x[tap];
          gradient[tap] += dy[out] / static_cast<double>(taps.size());
        }
        want[out] = static_cast<float>(want[out]) / static_cast<float>(taps.size());
      });
      Tensor y = garbage(pooled(d), DType::f32);
      run<kernels::AvgPool>(tensor(image(d), dtype, x), d, y);
      expect_equal(values(y), want);  // sums of small integers are exact
      Tensor dx = mode == GradMode::accumulate ? tensor(image(d), DType::f32, Values(x.size(), before))
                                               : garbage(image(d), DType::f32);
      run<kernels::AvgPoolBackward>(tensor(pooled(d), DType::f32, dy), d, dx, mode);
      expect_near(values(dx), gradient, 1e-6);
    }
  });
}

TEST_F(PoolKernel, WindowsOutsideTheImageAreRefused) {
  const Pool2dDims d{
      .n = 1, .h = 2, .w = 2, .c = 1, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2, .pad_h = {2, 0}, .pad_w = {}};
  const Tensor x = tensor(image(d), DType::f32, Values(4));
  Tensor y = garbage(pooled(d), DType::f32);
  EXPECT_THROW(run<kernels::MaxPool>(x, d, y), Error);
  EXPECT_THROW(run<kernels::AvgPool>(x, d, y), Error);
}

}  // namespace
}  // namespace bnas::test
