// SPDX-License-Identifier: Apache-2.0
// Convolutions and their gradients as plain loops over the definition, in double (exact for integers), and a random
// generator of shapes. Depthwise (`groups`): filter c sees channel c alone, w (KH,KW,C).
#pragma once

#include <random>
#include <vector>

#include "bnas/portable/dims.hpp"

namespace bnas::testing_support {

using Values = std::vector<double>;

/// Calls visit(y index, x index or -1 outside the image, w index) for every product of the convolution, in the order
/// n, oy, ox, o, ky, kx, c.
template <class Visit>
void for_each_product(const Conv2dDims& d, bool depthwise, Visit visit) {
  for (int n = 0; n < d.n; ++n) {
    for (int oy = 0; oy < d.oh(); ++oy) {
      for (int ox = 0; ox < d.ow(); ++ox) {
        for (int o = 0; o < d.o; ++o) {
          for (int ky = 0; ky < d.kh; ++ky) {
            for (int kx = 0; kx < d.kw; ++kx) {
              const int iy = oy * d.stride_h + ky - d.pad_h.begin;
              const int ix = ox * d.stride_w + kx - d.pad_w.begin;
              const bool inside = iy >= 0 && iy < d.h && ix >= 0 && ix < d.w;
              for (int c = depthwise ? o : 0; c < (depthwise ? o + 1 : d.c); ++c) {
                const long y = ((static_cast<long>(n) * d.oh() + oy) * d.ow() + ox) * d.o + o;
                const long x = inside ? ((static_cast<long>(n) * d.h + iy) * d.w + ix) * d.c + c : -1;
                const long w = depthwise ? (static_cast<long>(ky) * d.kw + kx) * d.c + c
                                         : ((static_cast<long>(o) * d.kh + ky) * d.kw + kx) * d.c + c;
                visit(static_cast<std::size_t>(y), x, static_cast<std::size_t>(w));
              }
            }
          }
        }
      }
    }
  }
}

inline std::size_t x_size(const Conv2dDims& d) { return static_cast<std::size_t>(d.n) * d.h * d.w * d.c; }
inline std::size_t y_size(const Conv2dDims& d) { return static_cast<std::size_t>(d.n) * d.oh() * d.ow() * d.o; }
inline std::size_t w_size(const Conv2dDims& d, bool depthwise) {
  return static_cast<std::size_t>(depthwise ? 1 : d.o) * d.kh * d.kw * d.c;
}
inline double pad_of(const Conv2dDims& d) { return d.pad_value == PadValue::one ? 1.0 : 0.0; }

inline Values conv_oracle(const Values& x, const Values& w, const Conv2dDims& d, bool depthwise = false) {
  Values y(y_size(d));
  for_each_product(d, depthwise, [&](std::size_t yi, long xi, std::size_t wi) {
    y[yi] += w[wi] * (xi < 0 ? pad_of(d) : x[static_cast<std::size_t>(xi)]);
  });
  return y;
}

inline Values input_gradient_oracle(const Values& dy, const Values& w, const Conv2dDims& d, bool depthwise = false) {
  Values dx(x_size(d));
  for_each_product(d, depthwise, [&](std::size_t yi, long xi, std::size_t wi) {
    if (xi >= 0) {
      dx[static_cast<std::size_t>(xi)] += dy[yi] * w[wi];
    }
  });
  return dx;
}

inline Values weight_gradient_oracle(const Values& dy, const Values& x, const Conv2dDims& d, bool depthwise = false) {
  Values dw(w_size(d, depthwise));
  for_each_product(d, depthwise, [&](std::size_t yi, long xi, std::size_t wi) {
    dw[wi] += dy[yi] * (xi < 0 ? pad_of(d) : x[static_cast<std::size_t>(xi)]);
  });
  return dw;
}

/// Shapes around every boundary of the kernels: words (31, 32, 33 ... channels), vectors (15, 16, 17 filters), tiles
/// of images (batch 1, odd, above 8 and 16), windows larger than the image, one-dimensional kernels, cropped begins.
class ConvShapes {
 public:
  explicit ConvShapes(unsigned seed, bool depthwise) : random_(seed), depthwise_(depthwise) {}

  Conv2dDims next() {
    Conv2dDims d;
    do {
      d = Conv2dDims{};
      d.n = pick({1, 2, 3, 4, 5, 8, 9, 17});
      d.h = pick({1, 2, 3, 4, 7, 9, 14});
      d.w = pick({1, 2, 3, 4, 7, 9, 14});
      d.c = pick({1, 2, 3, 16, 24, 31, 32, 33, 48, 63, 64, 65, 96});
      d.o = depthwise_ ? d.c : pick({1, 2, 3, 10, 15, 16, 17, 24, 32, 33, 48, 49, 64, 65});
      d.kh = pick({1, 1, 2, 3, 3, 5, 7});
      d.kw = pick({1, 1, 2, 3, 3, 5, 7});
      d.stride_h = pick({1, 1, 2, 3});
      d.stride_w = pick({1, 1, 2, 3});
      if (pick({0, 1}) != 0) {
        d.pad_h = same_pad(d.h, d.kh, d.stride_h);
        d.pad_w = same_pad(d.w, d.kw, d.stride_w);
      } else {
        d.pad_h = {pick({-1, 0, 1, 2}), pick({-1, 0, 1, 3})};
        d.pad_w = {pick({-1, 0, 1, 2}), pick({-1, 0, 1, 3})};
      }
      d.pad_value = pick({0, 0, 1}) != 0 ? PadValue::one : PadValue::zero;
    } while (d.h + d.pad_h.begin + d.pad_h.end < d.kh || d.w + d.pad_w.begin + d.pad_w.end < d.kw ||
             products(d) > 300'000);
    return d;
  }

  /// -1 or +1.
  Values signs(std::size_t count) {
    Values values(count);
    for (double& value : values) {
      value = (random_() & 1U) != 0 ? -1.0 : 1.0;
    }
    return values;
  }

  /// Multiples of 1/8 in [-2, 2]: their products and sums are exact in float, so that results can be compared exactly.
  Values eighths(std::size_t count) {
    Values values(count);
    for (double& value : values) {
      value = (static_cast<double>(random_() % 33U) - 16.0) / 8.0;
    }
    return values;
  }

  /// Any floats in [-1, 1].
  Values floats(std::size_t count) {
    Values values(count);
    for (double& value : values) {
      value = static_cast<float>(static_cast<double>(random_()) / 2147483648.0 - 1.0);
    }
    return values;
  }

  int pick(std::initializer_list<int> choices) { return choices.begin()[random_() % choices.size()]; }

 private:
  double products(const Conv2dDims& d) const {
    return static_cast<double>(y_size(d)) * d.kh * d.kw * (depthwise_ ? 1 : d.c);
  }

  std::mt19937 random_;  // its sequence is fixed by the standard; distributions are not used
  bool depthwise_;
};

}  // namespace bnas::testing_support
