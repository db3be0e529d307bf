// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/checks.hpp"
#include "backend/cpu/pool.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/avg_pool.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

HWY_INLINE FloatVec tap_count(Taps rows, Taps columns) {
  return hn::Set(FloatTag(),
                 static_cast<float>(rows.end - rows.begin) * static_cast<float>(columns.end - columns.begin));
}

/// y = (sum of value(pixel, c) over the taps, in row-major order) / taps.
template <class F>
HWY_INLINE void average(const Pool2dDims& dims, float* y, const F& value) {
  for_each_window(dims, [&](std::int64_t y_pixel, std::int64_t image, Taps rows, Taps columns) HWY_ATTR {
    const FloatVec taps = tap_count(rows, columns);
    map_floats(dims.c, y + y_pixel * dims.c, false, [&](std::int64_t c) HWY_ATTR {
      FloatVec sum = hn::Zero(FloatTag());
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w) {
          sum = hn::Add(sum, value(image + static_cast<std::int64_t>(h) * dims.w + w, c));
        }
      }
      return hn::Div(sum, taps);
    });
  });
}

void average_floats(const Pool2dDims& dims, const float* x, float* y) {
  average(dims, y, [&](std::int64_t pixel, std::int64_t c) HWY_ATTR { return load_floats(x + pixel * dims.c + c); });
}

void average_bits(const Pool2dDims& dims, const Word* x, float* y) {
  const std::int64_t words = words_for(dims.c);
  average(dims, y, [&](std::int64_t pixel, std::int64_t c) HWY_ATTR {
    return bit_values(x[pixel * words + c / kWordBits] >> static_cast<unsigned>(c % kWordBits));
  });
}

void spread(const Pool2dDims& dims, const float* dy, float* dx) {
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for_each_window(dims, [&](std::int64_t y_pixel, std::int64_t image, Taps rows, Taps columns) HWY_ATTR {
    const FloatVec taps = tap_count(rows, columns);
    for (std::int64_t c = 0; c < dims.c; c += lanes) {
      const FloatVec share = hn::Div(load_floats(dy + y_pixel * dims.c + c), taps);
      const auto count = static_cast<std::size_t>(std::min<std::int64_t>(lanes, dims.c - c));
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w) {
          write_floats(share, dx + (image + static_cast<std::int64_t>(h) * dims.w + w) * dims.c + c, count, true);
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
HWY_EXPORT(average_floats);
HWY_EXPORT(average_bits);
HWY_EXPORT(spread);

void avg_pool(Stream& /*stream*/, const Tensor& x, const Pool2dDims& dims, Tensor& y) {
  expect_f32_or_bits("avg_pool", "x", x);
  expect("avg_pool", "y", y, DType::f32);
  expect_pool("avg_pool", dims, x.shape(), y.shape());
  if (x.dtype() == DType::bit) {
    HWY_DYNAMIC_DISPATCH(average_bits)(dims, x.data<Word>(), y.data<float>());
  } else {
    HWY_DYNAMIC_DISPATCH(average_floats)(dims, x.data<float>(), y.data<float>());
  }
}

void avg_pool_backward(Stream& /*stream*/, const Tensor& dy, const Pool2dDims& dims, Tensor& dx, GradMode mode) {
  expect("avg_pool_backward", "dy", dy, DType::f32);
  expect("avg_pool_backward", "dx", dx, DType::f32);
  expect_pool("avg_pool_backward", dims, dx.shape(), dy.shape());
  if (mode == GradMode::overwrite) {
    std::fill_n(dx.data<float>(), dx.numel(), 0.0F);
  }
  HWY_DYNAMIC_DISPATCH(spread)(dims, dy.data<float>(), dx.data<float>());
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
