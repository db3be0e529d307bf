// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/fma_tile.hpp"

#include <algorithm>
#include <cmath>

#include "backend/cpu/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/fma_tile.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {  // the namespaces of the targets are shared by all kernel files
namespace hn = hwy::HWY_NAMESPACE;

using Whole = hn::ScalableTag<float>;
// For up to eight columns: half of a long vector would idle.
using Half = hn::CappedTag<float, 8>;
// Accumulators fill the register file (32 with AVX-512, else 16) but for the vectors of b and one broadcast. Four rows
// of one vector are the least that hides the latency of a fused multiply-add.
constexpr bool kManyRegisters = HWY_LANES(float) == 16;
constexpr int kMaxVectors = kManyRegisters ? 3 : 2;
constexpr int kMaxRows = kManyRegisters ? 8 : 6;

template <class D>
constexpr int kLanesOf = static_cast<int>(hn::MaxLanes(D()));

template <class D, class V = hn::Vec<D>>
HWY_INLINE V fused(D d, V a, V b, V c) {
#if HWY_NATIVE_FMA
  (void)d;
  return hn::MulAdd(a, b, c);
#else
  // One rounding as everywhere else, lane by lane.
  constexpr int kLanes = kLanesOf<D>;
  HWY_ALIGN float x[kLanes];
  HWY_ALIGN float y[kLanes];
  HWY_ALIGN float z[kLanes];
  hn::Store(a, d, x);
  hn::Store(b, d, y);
  hn::Store(c, d, z);
  for (int i = 0; i < kLanes; ++i) {
    z[i] = std::fma(x[i], y[i], z[i]);
  }
  return hn::Load(d, z);
#endif
}

template <class D, int kRows, int kVectors>
void tile(const FmaArgs& t) {
  using V = hn::Vec<D>;
  constexpr int kLanes = kLanesOf<D>;
  const D d;
  const int tail = t.columns - (kVectors - 1) * kLanes;  // lanes of the last vector, 1..kLanes
  V acc[kRows][kVectors];
  HWY_UNROLL(8)
  for (int m = 0; m < kRows; ++m) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      acc[m][v] = hn::Zero(d);
    }
  }
  if (t.accumulate) {
    HWY_UNROLL(8)
    for (int m = 0; m < kRows; ++m) {
      const float* c = t.c + m * t.c_row;
      HWY_UNROLL(4)
      for (int v = 0; v + 1 < kVectors; ++v) {
        acc[m][v] = hn::LoadU(d, c + v * kLanes);
      }
      const float* last = c + (kVectors - 1) * kLanes;
      acc[m][kVectors - 1] =
          tail == kLanes ? hn::LoadU(d, last) : hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(tail)), d, last);
    }
  }
  const std::ptrdiff_t row = t.a_row;
  for (std::int64_t r = 0; r < t.run_count; ++r) {
    const float* a = t.a + t.runs[r].a;
    const float* b = t.b + t.runs[r].b;
    for (std::int64_t k = 0; k < t.run_length; ++k) {
      V bv[kVectors];
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) {
        bv[v] = hn::LoadU(d, b + v * kLanes);
      }
      HWY_UNROLL(8)
      for (int m = 0; m < kRows; ++m) {
        const V av = hn::Set(d, a[m * row]);
        HWY_UNROLL(4)
        for (int v = 0; v < kVectors; ++v) {
          acc[m][v] = fused(d, av, bv[v], acc[m][v]);
        }
      }
      a += t.a_step;
      b += t.b_step;
    }
  }
  HWY_UNROLL(8)
  for (int m = 0; m < kRows; ++m) {
    float* c = t.c + m * t.c_row;
    HWY_UNROLL(4)
    for (int v = 0; v + 1 < kVectors; ++v) {
      hn::StoreU(acc[m][v], d, c + v * kLanes);
    }
    float* last = c + (kVectors - 1) * kLanes;
    if (tail == kLanes) {
      hn::StoreU(acc[m][kVectors - 1], d, last);
    } else {
      hn::BlendedStore(acc[m][kVectors - 1], hn::FirstN(d, static_cast<std::size_t>(tail)), d, last);
    }
  }
}

template <class D, int kVectors>
void tile_of_rows(const FmaArgs& t, int rows) {
  switch (rows) {
    case 1:
      return tile<D, 1, kVectors>(t);
    case 2:
      return tile<D, 2, kVectors>(t);
    case 3:
      return tile<D, 3, kVectors>(t);
    case 4:
      return tile<D, 4, kVectors>(t);
    case 5:
      return tile<D, 5, kVectors>(t);
    case 6:
      return tile<D, 6, kVectors>(t);
    case 7:
      return tile<D, std::min(7, kMaxRows), kVectors>(t);
    default:
      return tile<D, std::min(8, kMaxRows), kVectors>(t);
  }
}

/// The next of the fewest nearly equal parts of `rest` that are at most `limit`.
static int part(int rest, int limit) {
  if (rest >= 2 * limit) {
    return limit;
  }
  const int parts = (rest + limit - 1) / limit;
  return (rest + parts - 1) / parts;
}

template <class D, int kVectors>
void column_block(const FmaArgs& args, int rows) {
  FmaArgs t = args;
  for (int m = 0; m < rows;) {
    const int height = part(rows - m, kMaxRows);
    tile_of_rows<D, kVectors>(t, height);
    m += height;
    t.a += height * args.a_row;
    t.c += height * args.c_row;
  }
}

void block(const FmaArgs& args, int rows) {
  if (args.columns <= kLanesOf<Half>) {
    return column_block<Half, 1>(args, rows);
  }
  constexpr int kLanes = kLanesOf<Whole>;
  FmaArgs t = args;
  const int vectors = (args.columns + kLanes - 1) / kLanes;
  for (int v = 0; v < vectors;) {
    const int count = part(vectors - v, kMaxVectors);
    t.columns = std::min(args.columns - v * kLanes, count * kLanes);
    t.b = args.b + v * kLanes;
    t.c = args.c + v * kLanes;
    if (count == 1) {
      column_block<Whole, 1>(t, rows);
    } else if (count == 2) {
      column_block<Whole, 2>(t, rows);
    } else {
      column_block<Whole, kMaxVectors>(t, rows);
    }
    v += count;
  }
}

constexpr int kChannelRows = 4;
constexpr int kChannelVectors = 2;

template <int kRows, int kVectors>
void channel_tile(const FmaArgs& t) {
  using V = hn::Vec<Whole>;
  constexpr int kLanes = kLanesOf<Whole>;
  const Whole d;
  const int tail = t.columns - (kVectors - 1) * kLanes;
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(tail));
  V acc[kRows][kVectors];
  HWY_UNROLL(4)
  for (int m = 0; m < kRows; ++m) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      const float* c = t.c + m * t.c_row + v * kLanes;
      acc[m][v] = !t.accumulate ? hn::Zero(d) : v + 1 < kVectors ? hn::LoadU(d, c) : hn::MaskedLoad(mask, d, c);
    }
  }
  const std::ptrdiff_t row = t.a_row;
  for (std::int64_t r = 0; r < t.run_count; ++r) {
    const float* a = t.a + t.runs[r].a;
    const float* b = t.b + t.runs[r].b;
    for (std::int64_t k = 0; k < t.run_length; ++k) {
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        const V bv = hn::LoadU(d, b + v * kLanes);
        HWY_UNROLL(4)
        for (int m = 0; m < kRows; ++m) {
          acc[m][v] = fused(d, hn::LoadU(d, a + m * row + v * kLanes), bv, acc[m][v]);
        }
      }
      a += t.a_step;
      b += t.b_step;
    }
  }
  HWY_UNROLL(4)
  for (int m = 0; m < kRows; ++m) {
    float* c = t.c + m * t.c_row;
    HWY_UNROLL(2)
    for (int v = 0; v + 1 < kVectors; ++v) {
      hn::StoreU(acc[m][v], d, c + v * kLanes);
    }
    float* last = c + (kVectors - 1) * kLanes;
    if (tail == kLanes) {
      hn::StoreU(acc[m][kVectors - 1], d, last);
    } else {
      hn::BlendedStore(acc[m][kVectors - 1], mask, d, last);
    }
  }
}

template <int kVectors>
void channel_tile_of_rows(const FmaArgs& t, int rows) {
  switch (rows) {
    case 1:
      return channel_tile<1, kVectors>(t);
    case 2:
      return channel_tile<2, kVectors>(t);
    case 3:
      return channel_tile<3, kVectors>(t);
    default:
      return channel_tile<4, kVectors>(t);
  }
}

void channels(const FmaArgs& args, int rows) {
  constexpr int kLanes = kLanesOf<Whole>;
  FmaArgs t = args;
  for (int j = 0; j < args.columns; j += t.columns) {
    t.columns = std::min(args.columns - j, kChannelVectors * kLanes);
    t.b = args.b + j;
    for (int m = 0; m < rows;) {
      const int height = part(rows - m, kChannelRows);
      t.a = args.a + m * args.a_row + j;
      t.c = args.c + m * args.c_row + j;
      if (t.columns > kLanes) {
        channel_tile_of_rows<2>(t, height);
      } else {
        channel_tile_of_rows<1>(t, height);
      }
      m += height;
    }
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {

HWY_EXPORT(block);
HWY_EXPORT(channels);

void fma_block(const FmaArgs& args, int rows) { HWY_DYNAMIC_DISPATCH(block)(args, rows); }
void fma_channels(const FmaArgs& args, int rows) { HWY_DYNAMIC_DISPATCH(channels)(args, rows); }

}  // namespace bnas::cpu
#endif
