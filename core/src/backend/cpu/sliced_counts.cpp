// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/sliced_counts.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "backend/cpu/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/sliced_counts.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {  // the namespaces of the targets are shared by all kernel files
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<Word>;
constexpr int kLanes = HWY_LANES(Word) < kSlicedImages ? HWY_LANES(Word) : kSlicedImages;

template <int kPlanes>
void count(const SlicedTap* taps, int tap_count, Word* planes) {
  const hn::CappedTag<Word, kSlicedImages> d;
  for (int lane = 0; lane < kSlicedImages; lane += kLanes) {
    hn::Vec<decltype(d)> sum[kPlanes];
    HWY_UNROLL(8)
    for (int p = 0; p < kPlanes; ++p) {
      sum[p] = hn::Zero(d);
    }
    for (int i = 0; i < tap_count; ++i) {
      auto carry = hn::Xor(hn::LoadU(d, taps[i].x + lane), hn::Set(d, taps[i].w));
      HWY_UNROLL(8)
      for (int p = 0; p < kPlanes; ++p) {
        const auto next = hn::And(sum[p], carry);
        sum[p] = hn::Xor(sum[p], carry);
        carry = next;
      }
    }
    HWY_UNROLL(8)
    for (int p = 0; p < kPlanes; ++p) {
      hn::StoreU(sum[p], d, planes + p * kSlicedImages + lane);
    }
  }
}

void count_all(const SlicedTap* taps, int tap_count, int plane_count, Word* planes) {
  switch (plane_count) {
    case 1:
    case 2:
    case 3:
    case 4:
      return count<4>(taps, tap_count, planes);
    case 5:
      return count<5>(taps, tap_count, planes);
    case 6:
      return count<6>(taps, tap_count, planes);
    default:
      return count<16>(taps, tap_count, planes);
  }
}

/// Writes the 32 dot products of one image: taps - 2 * count.
void expand_bytes(const Word* planes, int plane_count, int tap_count, std::int8_t* out) {
  const hn::CappedTag<std::int8_t, kWordBits> d;
  constexpr int kBytes = HWY_LANES(std::int8_t) < kWordBits ? HWY_LANES(std::int8_t) : kWordBits;
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < kWordBits; i += kBytes) {
    int dot = tap_count;
    for (int p = 0; p < plane_count; ++p) {
      dot -= static_cast<int>((planes[p * kSlicedImages] >> i) & 1U) << (p + 1);
    }
    hn::Store(hn::Set(d, static_cast<std::int8_t>(dot)), d, out + i);
  }
#else
  for (int i = 0; i < kWordBits; i += kBytes) {
    auto dots = hn::Set(d, static_cast<std::int8_t>(tap_count));
    for (int p = 0; p < plane_count; ++p) {
      // Wraps for plane 6, where 2^7 = -2^7 modulo 2^8; the result is back in range.
      const auto weight = hn::Set(d, static_cast<std::int8_t>(2U << p));
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(planes + p * kSlicedImages) + i / 8;
      dots = hn::Sub(dots, hn::IfThenElseZero(hn::LoadMaskBits(d, bytes), weight));
    }
    hn::StoreU(dots, d, out + i);
  }
#endif
}

void dots_i8(const SlicedTap* taps, int tap_count, int images, int channels, std::int8_t* y, std::ptrdiff_t y_image) {
  const int plane_count = std::bit_width(static_cast<unsigned>(tap_count));
  Word planes[16 * kSlicedImages + 2];  // masks may be loaded as 8 bytes
  count_all(taps, tap_count, plane_count, planes);
  for (int n = 0; n < images; ++n) {
    if (channels == kWordBits) {
      expand_bytes(planes + n, plane_count, tap_count, y + n * y_image);
    } else {
      std::int8_t all[kWordBits];
      expand_bytes(planes + n, plane_count, tap_count, all);
      std::memcpy(y + n * y_image, all, static_cast<std::size_t>(channels));
    }
  }
}

void dots_i16(const SlicedTap* taps, int tap_count, int images, int channels, std::int16_t* y, std::ptrdiff_t y_image) {
  const int plane_count = std::bit_width(static_cast<unsigned>(tap_count));
  Word planes[16 * kSlicedImages];
  count_all(taps, tap_count, plane_count, planes);
  for (int n = 0; n < images; ++n) {
    for (int c = 0; c < channels; ++c) {
      int mismatches = 0;
      for (int p = 0; p < plane_count; ++p) {
        mismatches += static_cast<int>((planes[p * kSlicedImages + n] >> c) & 1U) << p;
      }
      y[n * y_image + c] = static_cast<std::int16_t>(tap_count - 2 * mismatches);
    }
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {

HWY_EXPORT(dots_i8);
HWY_EXPORT(dots_i16);

void sliced_dots(const std::vector<SlicedTap>& taps, int images, int channels, std::int8_t* y, std::ptrdiff_t y_image) {
  HWY_DYNAMIC_DISPATCH(dots_i8)(taps.data(), static_cast<int>(taps.size()), images, channels, y, y_image);
}
void sliced_dots(const std::vector<SlicedTap>& taps, int images, int channels, std::int16_t* y,
                 std::ptrdiff_t y_image) {
  HWY_DYNAMIC_DISPATCH(dots_i16)(taps.data(), static_cast<int>(taps.size()), images, channels, y, y_image);
}

}  // namespace bnas::cpu
#endif
