// SPDX-License-Identifier: Apache-2.0
// Highway helpers shared by the CPU kernels, compiled once per instruction set (hence no #pragma once).
// Loads may read up to one vector (64 bytes) past the end of a tensor, which Storage allows; stores never do.
#if defined(BNAS_CORE_BACKEND_CPU_VECTOR_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef BNAS_CORE_BACKEND_CPU_VECTOR_INL_HPP
#undef BNAS_CORE_BACKEND_CPU_VECTOR_INL_HPP
#else
#define BNAS_CORE_BACKEND_CPU_VECTOR_INL_HPP
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bnas/portable/bits.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::CappedTag<float, 16>;  // at most 16 lanes, so that a vector's bits lie within one word
using FloatVec = hn::Vec<FloatTag>;
using FloatMask = hn::Mask<FloatTag>;
using DoubleTag = hn::CappedTag<double, 8>;

HWY_INLINE std::size_t float_lanes() { return hn::Lanes(FloatTag()); }

/// One vector of any element type as floats.
HWY_INLINE FloatVec load_floats(const float* from) { return hn::LoadU(FloatTag(), from); }
HWY_INLINE FloatVec load_floats(const std::int32_t* from) {
  return hn::ConvertTo(FloatTag(), hn::LoadU(hn::RebindToSigned<FloatTag>(), from));
}
template <class T>  // i16, i8, u8
HWY_INLINE FloatVec load_floats(const T* from) {
  const hn::RebindToSigned<FloatTag> di;
  return hn::ConvertTo(FloatTag(), hn::PromoteTo(di, hn::LoadU(hn::Rebind<T, FloatTag>(), from)));
}

/// A vector of doubles from as many floats.
HWY_INLINE hn::Vec<DoubleTag> load_doubles(const float* from) {
  return hn::PromoteTo(DoubleTag(), hn::LoadU(hn::Rebind<float, DoubleTag>(), from));
}

/// Stores the first `count` lanes; only these bytes are written.
HWY_INLINE void store_floats(FloatVec v, float* to, std::size_t count) {
  const FloatTag d;
  if (HWY_LIKELY(count >= hn::Lanes(d))) {
    hn::StoreU(v, d, to);
    return;
  }
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
}

/// Overwrites or adds, as a gradient slot asks; overwriting never reads.
HWY_INLINE void write_floats(FloatVec v, float* to, std::size_t count, bool accumulate) {
  store_floats(accumulate ? hn::Add(hn::LoadU(FloatTag(), to), v) : v, to, count);
}

/// Lane i of the mask as bit i.
HWY_INLINE Word bits_of(FloatMask mask) {
  std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(FloatTag(), mask, bytes);
  return Word{bytes[0]} | Word{bytes[1]} << 8U;
}

/// Bit i as lane i of a mask.
HWY_INLINE FloatMask mask_of(Word bits) {
  const std::uint8_t bytes[8] = {static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8U)};
  return hn::LoadMaskBits(FloatTag(), bytes);
}

/// -1 where the bit is 1, else +1.
HWY_INLINE FloatVec bit_values(Word bits) {
  const FloatTag d;
  return hn::IfThenElse(mask_of(bits), hn::Set(d, -1.0F), hn::Set(d, 1.0F));
}

/// y[i] (+)= f(i) for vectors of elements starting at i.
template <class F>
HWY_INLINE void map_floats(std::int64_t n, float* y, bool accumulate, const F& f) {
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t i = 0; i < n; i += lanes) {
    write_floats(f(i), y + i, static_cast<std::size_t>(std::min(lanes, n - i)), accumulate);
  }
}

/// The fused form that batch_norm_affine (bnas/portable/batch_norm.hpp) agrees on, on every instruction set.
HWY_INLINE FloatVec fused_multiply_add(FloatVec a, FloatVec b, FloatVec c) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, b, c);
#else
  const FloatTag d;
  HWY_ALIGN float la[hn::MaxLanes(FloatTag())];
  HWY_ALIGN float lb[hn::MaxLanes(FloatTag())];
  HWY_ALIGN float lc[hn::MaxLanes(FloatTag())];
  hn::Store(a, d, la);
  hn::Store(b, d, lb);
  hn::Store(c, d, lc);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    la[i] = std::fma(la[i], lb[i], lc[i]);
  }
  return hn::Load(d, la);
#endif
}

}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
