// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/popcount_tile.hpp"

#include <algorithm>

#include "backend/cpu/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/popcount_tile.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {  // the namespaces of the targets are shared by all kernel files
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<Word>;
using DI = hn::RebindToSigned<D>;
using V = hn::Vec<D>;
constexpr int kLanes = HWY_LANES(Word);

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
// No popcount of words: count the bits of each byte by a table of nibbles, and sum bytes before they can overflow
// (31 words of at most 8 bits per byte = 248).
constexpr bool kByteCounts = true;
constexpr int kMaxRows = kLanes == 16 ? 6 : 4;
constexpr int kMaxVectors = kLanes == 16 ? 2 : 1;
constexpr int kStepsPerSum = 31;
using D8 = hn::Repartition<std::uint8_t, D>;

HWY_INLINE V count_bytes(V bits, hn::Vec<D8> table) {
  const D d;
  const D8 d8;
  const auto low_nibbles = hn::Set(d8, 0x0F);
  const auto low = hn::And(hn::BitCast(d8, bits), low_nibbles);
  const auto high = hn::And(hn::BitCast(d8, hn::ShiftRight<4>(bits)), low_nibbles);
  return hn::BitCast(d, hn::Add(hn::TableLookupBytes(table, low), hn::TableLookupBytes(table, high)));
}
HWY_INLINE V add_counts(V sum, V count) {
  const D d;
  const D8 d8;
  return hn::BitCast(d, hn::Add(hn::BitCast(d8, sum), hn::BitCast(d8, count)));
}
/// The sum of the four bytes of each word.
HWY_INLINE V sum_bytes(V bytes) {
  const D d;
  const V even = hn::Set(d, 0x00FF00FFU);
  const V pairs = hn::Add(hn::And(bytes, even), hn::And(hn::ShiftRight<8>(bytes), even));
  return hn::Add(hn::And(pairs, hn::Set(d, 0xFFFFU)), hn::ShiftRight<16>(pairs));
}
HWY_INLINE hn::Vec<D8> count_table() {
  alignas(16) static constexpr std::uint8_t kNibbleCounts[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
  return hn::LoadDup128(D8(), kNibbleCounts);
}
#else
constexpr bool kByteCounts = false;
constexpr int kMaxRows = 8;
constexpr int kMaxVectors = kLanes == 16 ? 3 : 1;
constexpr int kStepsPerSum = 1 << 24;

HWY_INLINE V count_bytes(V bits, V /*table*/) { return hn::PopulationCount(bits); }
HWY_INLINE V add_counts(V sum, V count) { return hn::Add(sum, count); }
HWY_INLINE V sum_bytes(V counts) { return counts; }
HWY_INLINE V count_table() { return hn::Zero(D()); }
#endif

/// Writes `count` dot products in the output's type.
template <class T>
HWY_INLINE void store_dots(hn::Vec<DI> dots, int count, void* y, std::ptrdiff_t at) {
  T* out = static_cast<T*>(y) + at;
  const hn::Rebind<T, DI> d;
  const auto values = [&] {
    if constexpr (sizeof(T) == sizeof(std::int32_t)) {
      return dots;
    } else {
      return hn::DemoteTo(d, dots);
    }
  }();
  if (count >= kLanes) {
    hn::StoreU(values, d, out);
    return;
  }
  HWY_ALIGN T some[kLanes];
  hn::StoreU(values, d, some);
  for (int i = 0; i < count; ++i) {
    out[i] = some[i];
  }
}

template <int kRows, int kVectors>
void tile(const PopcountArgs& t) {
  const D d;
  const auto table = count_table();
  const std::ptrdiff_t w_step = t.w_step;
  V acc[kRows][kVectors];
  HWY_ALIGN Word totals[kRows * kVectors * kLanes];
  HWY_UNROLL(8)
  for (int m = 0; m < kRows; ++m) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      acc[m][v] = hn::Zero(d);
      if constexpr (kByteCounts) {
        hn::Store(hn::Zero(d), d, totals + (m * kVectors + v) * kLanes);
      }
    }
  }
  const std::ptrdiff_t row = t.x_row;
  int room = kStepsPerSum;
  for (std::int64_t r = 0; r < t.run_count; ++r) {
    const Word* x = t.x + t.runs[r].a;
    const Word* w = t.w + t.runs[r].b;
    for (std::int64_t k = 0; k < t.run_length; ++k) {
      V wv[kVectors];
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) {
        wv[v] = hn::LoadU(d, w + v * kLanes);
      }
      HWY_UNROLL(8)
      for (int m = 0; m < kRows; ++m) {
        const V xv = hn::Set(d, x[m * row]);
        HWY_UNROLL(4)
        for (int v = 0; v < kVectors; ++v) {
          acc[m][v] = add_counts(acc[m][v], count_bytes(hn::Xor(xv, wv[v]), table));
        }
      }
      ++x;
      w += w_step;
      if constexpr (kByteCounts) {
        if (--room == 0) {
          room = kStepsPerSum;
          HWY_UNROLL(8)
          for (int m = 0; m < kRows; ++m) {
            HWY_UNROLL(4)
            for (int v = 0; v < kVectors; ++v) {
              Word* total = totals + (m * kVectors + v) * kLanes;
              hn::Store(hn::Add(hn::Load(d, total), sum_bytes(acc[m][v])), d, total);
              acc[m][v] = hn::Zero(d);
            }
          }
        }
      }
    }
  }
  const DI di;
  HWY_UNROLL(8)
  for (int m = 0; m < kRows; ++m) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      V mismatches = sum_bytes(acc[m][v]);
      if constexpr (kByteCounts) {
        mismatches = hn::Add(mismatches, hn::Load(d, totals + (m * kVectors + v) * kLanes));
      }
      auto dots = hn::Sub(hn::Set(di, t.base), hn::BitCast(di, hn::ShiftLeft<1>(mismatches)));
      if (t.extra != nullptr) {
        dots = hn::Add(dots, hn::LoadU(di, t.extra + v * kLanes));
      }
      const int count = std::min(kLanes, t.columns - v * kLanes);
      const std::ptrdiff_t at = m * t.y_row + v * kLanes;
      if (t.dtype == DType::i8) {
        store_dots<std::int8_t>(dots, count, t.y, at);
      } else if (t.dtype == DType::i16) {
        store_dots<std::int16_t>(dots, count, t.y, at);
      } else {
        store_dots<std::int32_t>(dots, count, t.y, at);
      }
    }
  }
}

template <int kVectors>
void tile_of_rows(const PopcountArgs& t, int rows) {
  switch (rows) {
    case 1:
      return tile<1, kVectors>(t);
    case 2:
      return tile<2, kVectors>(t);
    case 3:
      return tile<3, kVectors>(t);
    case 4:
      return tile<4, kVectors>(t);
    case 5:
      return tile<std::min(5, kMaxRows), kVectors>(t);
    case 6:
      return tile<std::min(6, kMaxRows), kVectors>(t);
    case 7:
      return tile<std::min(7, kMaxRows), kVectors>(t);
    default:
      return tile<std::min(8, kMaxRows), kVectors>(t);
  }
}

/// The next of the fewest nearly equal parts of `rest` that are at most `limit`.
static int part(int rest, int limit) {
  const int parts = (rest + limit - 1) / limit;
  return (rest + parts - 1) / parts;
}

void block(const PopcountArgs& args, int rows) {
  PopcountArgs t = args;
  const auto element = static_cast<std::ptrdiff_t>(dtype_size(args.dtype));
  const int vectors = (args.columns + kLanes - 1) / kLanes;
  for (int v = 0; v < vectors;) {
    const int count = part(vectors - v, kMaxVectors);
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(v) * kLanes;
    t.columns = static_cast<int>(std::min<std::ptrdiff_t>(args.columns - first, count * kLanes));
    t.w = args.w + first;
    t.extra = args.extra == nullptr ? nullptr : args.extra + first;
    for (int m = 0; m < rows;) {
      const int height = part(rows - m, kMaxRows);
      t.x = args.x + m * args.x_row;
      t.y = static_cast<char*>(args.y) + (m * args.y_row + first) * element;
      if (count == 1) {
        tile_of_rows<1>(t, height);
      } else if (count == 2) {
        tile_of_rows<std::min(2, kMaxVectors)>(t, height);
      } else {
        tile_of_rows<kMaxVectors>(t, height);
      }
      m += height;
    }
    v += count;
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {

HWY_EXPORT(block);

void popcount_block(const PopcountArgs& args, int rows) { HWY_DYNAMIC_DISPATCH(block)(args, rows); }

}  // namespace bnas::cpu
#endif
