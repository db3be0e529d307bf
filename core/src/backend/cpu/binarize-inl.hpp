// SPDX-License-Identifier: Apache-2.0
// Rows of numbers to rows of sign and mask bits, compiled once per instruction set (hence no #pragma once).
#if defined(BNAS_CORE_BACKEND_CPU_BINARIZE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef BNAS_CORE_BACKEND_CPU_BINARIZE_INL_HPP
#undef BNAS_CORE_BACKEND_CPU_BINARIZE_INL_HPP
#else
#define BNAS_CORE_BACKEND_CPU_BINARIZE_INL_HPP
#endif

#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {

/// One word column of binarize_rows: up to 32 channels from c0, whose tail lanes are cut off by `used`.
template <bool kMask, class T, class F>
HWY_INLINE void binarize_column(const T* x, std::int64_t rows, std::int64_t channels, std::int64_t c0, const F& f,
                                Word* bits, Word* mask) {
  const FloatTag d;
  const FloatVec zero = hn::Zero(d);
  const FloatVec one = hn::Set(d, 1.0F);
  const std::int64_t words = words_for(channels);
  const std::int64_t count = std::min<std::int64_t>(kWordBits, channels - c0);
  const Word used = tail_mask(count);
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t r = 0; r < rows; ++r) {
    Word sign_word = 0;
    Word mask_word = 0;
    for (std::int64_t c = 0; c < count; c += lanes) {
      const FloatVec v = f(load_floats(x + r * channels + c0 + c), c0 + c);
      sign_word |= bits_of(hn::Lt(v, zero)) << static_cast<unsigned>(c);
      if constexpr (kMask) {
        mask_word |= bits_of(hn::Le(hn::Abs(v), one)) << static_cast<unsigned>(c);
      }
    }
    bits[r * words + c0 / kWordBits] = sign_word & used;
    if constexpr (kMask) {
      mask[r * words + c0 / kWordBits] = mask_word & used;
    }
  }
}

/// bits = sign(f(x, c)) and, unless null, mask = |f(x, c)| <= 1 for x (rows, channels); f maps the vector of channels
/// that starts at c.
template <class T, class F>
HWY_INLINE void binarize_rows(const T* x, std::int64_t rows, std::int64_t channels, const F& f, Word* bits,
                              Word* mask) {
  for (std::int64_t c0 = 0; c0 < channels; c0 += kWordBits) {
    if (mask != nullptr) {
      binarize_column<true>(x, rows, channels, c0, f, bits, mask);
    } else {
      binarize_column<false>(x, rows, channels, c0, f, bits, mask);
    }
  }
}

}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
