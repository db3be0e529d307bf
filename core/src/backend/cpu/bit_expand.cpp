// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/bit_expand.hpp"

#include "backend/cpu/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/bit_expand.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {  // the namespaces of the targets are shared by all kernel files
namespace hn = hwy::HWY_NAMESPACE;

void expand(const Word* bits, std::int64_t rows, int channels, float* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  constexpr int kLanes = HWY_LANES(float);
  HWY_ALIGN Word places[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    places[i] = static_cast<Word>(kWordBits - 1 - i);
  }
  const auto place = hn::Load(du, places);
  const auto one = hn::BitCast(du, hn::Set(d, 1.0F));
  const auto sign = hn::Set(du, 0x80000000U);
  const std::int64_t words = words_for(channels);
  for (std::int64_t r = 0; r < rows; ++r) {
    // Lane i moves bit c + i of the word to the sign of 1.0; the tail is overwritten by the next row.
    for (int c = 0; c < channels; c += kLanes) {
      const Word word = bits[c / kWordBits] >> (c % kWordBits);
      const auto moved = hn::And(hn::Set(du, word) << place, sign);
      hn::StoreU(hn::BitCast(d, hn::Or(moved, one)), d, out + c);
    }
    bits += words;
    out += channels;
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {

HWY_EXPORT(expand);

void expand_bits(const Word* bits, std::int64_t rows, int channels, float* out) {
  HWY_DYNAMIC_DISPATCH(expand)(bits, rows, channels, out);
}

}  // namespace bnas::cpu
#endif
