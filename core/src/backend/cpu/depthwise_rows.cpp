// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/depthwise_rows.hpp"

#include <algorithm>
#include <numeric>

#include "backend/cpu/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/depthwise_rows.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

constexpr int kLanes = static_cast<int>(hn::MaxLanes(FloatTag()));
constexpr int kVectors = 4;

HWY_INLINE FloatVec load_some(const float* from, int count) {
  return count >= kLanes ? load_floats(from)
                         : hn::MaskedLoad(hn::FirstN(FloatTag(), static_cast<std::size_t>(count)), FloatTag(), from);
}

/// Adds the products of one row of x to the rows of y that it is under: to the first with the taps of kernel row `ky`,
/// to the second with those of the row before.
template <bool kFirst, bool kSecond, int kRows, int kWidth>
HWY_INLINE void add_row(const DepthwiseRows& t, const float* x, const float* taps, int ky,
                        FloatVec (&sums)[kRows][kWidth]) {
  const float* first = taps + std::ptrdiff_t{ky} * t.kw * t.period;
  const float* second = first - std::ptrdiff_t{t.kw} * t.period;
  for (int k = 0; k < t.kw; ++k, x += t.channels, first += t.period, second += t.period) {
    FloatVec values[kWidth];
    HWY_UNROLL(4)
    for (int v = 0; v < kWidth; ++v) {
      values[v] = load_floats(x + std::ptrdiff_t{v} * t.period);
    }
    if constexpr (kFirst) {
      const FloatVec tap = load_floats(first);
      HWY_UNROLL(4)
      for (int v = 0; v < kWidth; ++v) {
        sums[0][v] = fused_multiply_add(values[v], tap, sums[0][v]);
      }
    }
    if constexpr (kSecond) {
      const FloatVec tap = load_floats(second);
      HWY_UNROLL(4)
      for (int v = 0; v < kWidth; ++v) {
        sums[kRows - 1][v] = fused_multiply_add(values[v], tap, sums[kRows - 1][v]);
      }
    }
  }
}

/// kWidth vectors of the same channels in kRows rows of y, of which the last vector has `tail` lanes.
template <int kRows, int kWidth>
void tile(const DepthwiseRows& t, const float* x, const float* taps, float* y, int tail, bool accumulate) {
  const std::ptrdiff_t y_row = std::ptrdiff_t{t.pixels} * t.channels;
  FloatVec sums[kRows][kWidth];
  for (int q = 0; q < kRows; ++q) {
    for (int v = 0; v < kWidth; ++v) {
      sums[q][v] = accumulate ? load_some(y + q * y_row + std::ptrdiff_t{v} * t.period, v + 1 < kWidth ? kLanes : tail)
                              : hn::Zero(FloatTag());
    }
  }
  add_row<true, false>(t, x, taps, 0, sums);
  for (int ky = 1; ky < t.kh; ++ky) {
    add_row<true, kRows == 2>(t, x + ky * t.x_row, taps, ky, sums);
  }
  if constexpr (kRows == 2) {
    add_row<false, true>(t, x + t.kh * t.x_row, taps, t.kh, sums);
  }
  for (int q = 0; q < kRows; ++q) {
    for (int v = 0; v < kWidth; ++v) {
      store_floats(sums[q][v], y + q * y_row + std::ptrdiff_t{v} * t.period,
                   static_cast<std::size_t>(v + 1 < kWidth ? kLanes : tail));
    }
  }
}

template <int kRows>
void rows_of(const DepthwiseRows& t, const float* x, const float* taps, float* y, bool accumulate) {
  const int length = t.pixels * t.channels;
  for (int phase = 0; phase < std::min(t.period, length); phase += kLanes) {
    for (int j = phase; j < length;) {
      const int vectors = (length - j + t.period - 1) / t.period;
      const auto tail = [&](int width) { return std::min(kLanes, length - j - (width - 1) * t.period); };
      if (vectors >= kVectors) {
        tile<kRows, kVectors>(t, x + j, taps + phase, y + j, tail(kVectors), accumulate);
        j += kVectors * t.period;
      } else if (vectors >= 2) {
        tile<kRows, 2>(t, x + j, taps + phase, y + j, tail(2), accumulate);
        j += 2 * t.period;
      } else {
        tile<kRows, 1>(t, x + j, taps + phase, y + j, tail(1), accumulate);
        j += t.period;
      }
    }
  }
}

void convolve(const DepthwiseRows& t, const float* taps, float* y, bool accumulate) {
  const std::ptrdiff_t y_row = std::ptrdiff_t{t.pixels} * t.channels;
  int row = 0;
  for (; row + 2 <= t.rows; row += 2) {
    rows_of<2>(t, t.x + row * t.x_row, taps, y + row * y_row, accumulate);
  }
  if (row < t.rows) {
    rows_of<1>(t, t.x + row * t.x_row, taps, y + row * y_row, accumulate);
  }
}

constexpr int kParts = 16 / kLanes;              // vectors that make up 16 lanes, whatever the instruction set
constexpr int kMostTaps = kLanes == 16 ? 9 : 5;  // that the registers hold

/// Sums of kTaps taps side by side in memory of x, or of all 9 of a 3x3 window, for the places from `phase` on.
template <int kTaps>
void tap_sums(const DepthwiseRows& t, const float* dy, int first, int phase, float* sums) {
  FloatVec chains[kTaps][kParts];
  const float* x[kTaps];
  for (int k = 0; k < kTaps; ++k) {
    const int tap = first + k;
    x[k] = t.x + tap / t.kw * t.x_row + std::ptrdiff_t{tap % t.kw} * t.channels;
    for (int part = 0; part < kParts; ++part) {
      chains[k][part] = load_floats(sums + std::ptrdiff_t{tap} * t.period + phase + part * kLanes);
    }
  }
  const int length = t.pixels * t.channels;
  for (int row = 0; row < t.rows; ++row) {
    const std::ptrdiff_t from = row * t.x_row;
    int j = phase;
    for (; j + 16 <= length; j += t.period) {
      for (int part = 0; part < kParts; ++part) {
        const FloatVec upstream = load_floats(dy + j + part * kLanes);
        HWY_UNROLL(9)
        for (int k = 0; k < kTaps; ++k) {
          chains[k][part] = fused_multiply_add(load_floats(x[k] + from + j + part * kLanes), upstream, chains[k][part]);
        }
      }
    }
    for (int part = 0; part < kParts && j + part * kLanes < length; ++part) {
      const int count = length - j - part * kLanes;
      const FloatVec upstream = load_some(dy + j + part * kLanes, count);
      for (int k = 0; k < kTaps; ++k) {
        const FloatVec values = load_some(x[k] + from + j + part * kLanes, count);
        chains[k][part] = fused_multiply_add(values, upstream, chains[k][part]);
      }
    }
    dy += length;
  }
  for (int k = 0; k < kTaps; ++k) {
    for (int part = 0; part < kParts; ++part) {
      hn::StoreU(chains[k][part], FloatTag(), sums + std::ptrdiff_t{first + k} * t.period + phase + part * kLanes);
    }
  }
}

void sum_products(const DepthwiseRows& t, const float* dy, float* sums) {
  const int taps = t.kh * t.kw;
  for (int phase = 0; phase < std::min(t.period, t.pixels * t.channels); phase += 16) {
    for (int tap = 0; tap < taps;) {
      const int rest = taps - tap;
      if (rest >= 9 && t.kw == 3 && kMostTaps == 9) {
        tap_sums<std::min(9, kMostTaps)>(t, dy, tap, phase, sums);
        tap += 9;
      } else if (rest >= 5 && t.kw != 3) {
        tap_sums<5>(t, dy, tap, phase, sums);
        tap += 5;
      } else if (rest >= 3) {
        tap_sums<3>(t, dy, tap, phase, sums);
        tap += 3;
      } else {
        tap_sums<1>(t, dy, tap, phase, sums);
        tap += 1;
      }
    }
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(convolve);
HWY_EXPORT(sum_products);

int row_period(int channels) { return std::lcm(channels, 16); }

void depthwise_rows(const DepthwiseRows& image, const float* taps, float* y, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(convolve)(image, taps, y, accumulate);
}

void depthwise_sums(const DepthwiseRows& image, const float* dy, float* sums) {
  HWY_DYNAMIC_DISPATCH(sum_products)(image, dy, sums);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
