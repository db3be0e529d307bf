// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/checks.hpp"
#include "backend/cpu/pool.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/max_pool.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

void max_of_floats(const Pool2dDims& dims, const float* x, float* y) {
  for_each_window(dims, [&](std::int64_t y_pixel, std::int64_t image, Taps rows, Taps columns) HWY_ATTR {
    const std::int64_t first = image + static_cast<std::int64_t>(rows.begin) * dims.w + columns.begin;
    map_floats(dims.c, y + y_pixel * dims.c, false, [&](std::int64_t c) HWY_ATTR {
      FloatVec best = load_floats(x + first * dims.c + c);
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w) {
          const FloatVec v = load_floats(x + (image + static_cast<std::int64_t>(h) * dims.w + w) * dims.c + c);
          best = hn::IfThenElse(hn::Gt(v, best), v, best);
        }
      }
      return best;
    });
  });
}

void max_of_bits(const Pool2dDims& dims, const Word* x, Word* y) {
  const std::int64_t words = words_for(dims.c);
  for_each_window(dims, [&](std::int64_t y_pixel, std::int64_t image, Taps rows, Taps columns) HWY_ATTR {
    for (std::int64_t i = 0; i < words; ++i) {
      Word all_negative = ~Word{0};
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w) {
          all_negative &= x[(image + static_cast<std::int64_t>(h) * dims.w + w) * words + i];
        }
      }
      y[y_pixel * words + i] = all_negative;
    }
  });
}

/// Adds dy to the first largest tap of each window and channel.
void route_floats(const Pool2dDims& dims, const float* dy, const float* x, float* dx) {
  const FloatTag d;
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for_each_window(dims, [&](std::int64_t y_pixel, std::int64_t image, Taps rows, Taps columns) HWY_ATTR {
    const std::int64_t first = image + static_cast<std::int64_t>(rows.begin) * dims.w + columns.begin;
    for (std::int64_t c = 0; c < dims.c; c += lanes) {
      const auto count = static_cast<std::size_t>(std::min<std::int64_t>(lanes, dims.c - c));
      FloatVec best = load_floats(x + first * dims.c + c);
      FloatVec best_tap = hn::Zero(d);  // taps are counted in float, exact below 2^24
      float tap = 0.0F;
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w, tap += 1.0F) {
          const FloatVec v = load_floats(x + (image + static_cast<std::int64_t>(h) * dims.w + w) * dims.c + c);
          const FloatMask larger = hn::Gt(v, best);
          best = hn::IfThenElse(larger, v, best);
          best_tap = hn::IfThenElse(larger, hn::Set(d, tap), best_tap);
        }
      }
      const FloatVec upstream = load_floats(dy + y_pixel * dims.c + c);
      tap = 0.0F;
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w, tap += 1.0F) {
          const FloatVec routed = hn::IfThenElseZero(hn::Eq(best_tap, hn::Set(d, tap)), upstream);
          write_floats(routed, dx + (image + static_cast<std::int64_t>(h) * dims.w + w) * dims.c + c, count, true);
        }
      }
    }
  });
}

/// The same for bits: the first tap that is +1 (bit 0), or the first of all where none is.
void route_bits(const Pool2dDims& dims, const float* dy, const Word* x, float* dx) {
  const std::int64_t words = words_for(dims.c);
  for_each_window(dims, [&](std::int64_t y_pixel, std::int64_t image, Taps rows, Taps columns) HWY_ATTR {
    for (std::int64_t i = 0; i < words; ++i) {
      Word all_negative = ~Word{0};
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w) {
          all_negative &= x[(image + static_cast<std::int64_t>(h) * dims.w + w) * words + i];
        }
      }
      Word open = ~Word{0};       // channels whose tap is still to be found
      Word extra = all_negative;  // channels that the first tap takes although it is not +1
      const std::int64_t c0 = i * kWordBits;
      const float* upstream = dy + y_pixel * dims.c + c0;
      const std::int64_t count = std::min<std::int64_t>(kWordBits, dims.c - c0);
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w) {
          const std::int64_t pixel = image + static_cast<std::int64_t>(h) * dims.w + w;
          const Word taken = open & (~x[pixel * words + i] | extra);
          open &= ~taken;
          extra = 0;
          map_floats(count, dx + pixel * dims.c + c0, true, [&](std::int64_t c) HWY_ATTR {
            return hn::IfThenElseZero(mask_of(taken >> static_cast<unsigned>(c)), load_floats(upstream + c));
          });
        }
      }
    }
  });
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(max_of_floats);
HWY_EXPORT(max_of_bits);
HWY_EXPORT(route_floats);
HWY_EXPORT(route_bits);

void max_pool(Stream& /*stream*/, const Tensor& x, const Pool2dDims& dims, Tensor& y) {
  expect_f32_or_bits("max_pool", "x", x);
  expect("max_pool", "y", y, x.dtype());
  expect_pool("max_pool", dims, x.shape(), y.shape());
  if (x.dtype() == DType::bit) {
    HWY_DYNAMIC_DISPATCH(max_of_bits)(dims, x.data<Word>(), y.data<Word>());
  } else {
    HWY_DYNAMIC_DISPATCH(max_of_floats)(dims, x.data<float>(), y.data<float>());
  }
}

void max_pool_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& x, const Pool2dDims& dims, Tensor& dx,
                       GradMode mode) {
  expect_f32_or_bits("max_pool_backward", "x", x);
  expect("max_pool_backward", "dy", dy, DType::f32);
  expect("max_pool_backward", "dx", dx, DType::f32, x.shape());
  expect_pool("max_pool_backward", dims, x.shape(), dy.shape());
  if (mode == GradMode::overwrite) {
    std::fill_n(dx.data<float>(), dx.numel(), 0.0F);
  }
  if (x.dtype() == DType::bit) {
    HWY_DYNAMIC_DISPATCH(route_bits)(dims, dy.data<float>(), x.data<Word>(), dx.data<float>());
  } else {
    HWY_DYNAMIC_DISPATCH(route_floats)(dims, dy.data<float>(), x.data<float>(), dx.data<float>());
  }
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
