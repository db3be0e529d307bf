// SPDX-License-Identifier: Apache-2.0
#include "kernels/peaks.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

#include "backend/cpu/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/peaks.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bnas::bench::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kChains = HWY_LANES(float) == 16 ? 16 : 8;
constexpr int kRounds = 20'000;

/// The operand is loaded anew in every round (one load per kChains results), so that nothing is hoisted.
void reload() { asm volatile("" ::: "memory"); }

/// Multiply-accumulates done; their results go to `sink`.
double run_popcount(std::uint32_t* sink) {
  const hn::ScalableTag<std::uint32_t> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kLanes = HWY_LANES(std::uint32_t);
  HWY_ALIGN static std::uint32_t operand[kLanes] = {0x12345678U};
  V acc[kChains];
  HWY_UNROLL(16)
  for (int i = 0; i < kChains; ++i) {
    acc[i] = hn::Set(d, static_cast<std::uint32_t>(i) * 0x9E3779B9U);
  }
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  // Without a population count of words: the table of nibbles, as in the kernel.
  const hn::Repartition<std::uint8_t, decltype(d)> d8;
  alignas(16) static constexpr std::uint8_t kCounts[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
  const auto table = hn::LoadDup128(d8, kCounts);
  const auto nibble = hn::Set(d8, 0x0F);
#endif
  for (int round = 0; round < kRounds; ++round) {
    reload();
    const V w = hn::Load(d, operand);
    HWY_UNROLL(16)
    for (int i = 0; i < kChains; ++i) {
      const V x = hn::Xor(w, acc[i]);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
      const auto low = hn::And(hn::BitCast(d8, x), nibble);
      const auto high = hn::And(hn::BitCast(d8, hn::ShiftRight<4>(x)), nibble);
      const auto count = hn::Add(hn::TableLookupBytes(table, low), hn::TableLookupBytes(table, high));
      acc[i] = hn::BitCast(d, hn::Add(hn::BitCast(d8, acc[i]), count));
#else
      acc[i] = hn::Add(acc[i], hn::PopulationCount(x));
#endif
    }
  }
  HWY_UNROLL(16)
  for (int i = 0; i < kChains; ++i) {
    sink[i] = hn::GetLane(acc[i]);
  }
  return 32.0 * kLanes * kChains * kRounds;
}

double run_fma(float* sink) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kLanes = HWY_LANES(float);
  HWY_ALIGN static float operand[kLanes] = {0.5F};
  V acc[kChains];
  HWY_UNROLL(16)
  for (int i = 0; i < kChains; ++i) {
    acc[i] = hn::Set(d, static_cast<float>(i));
  }
  const V half = hn::Set(d, 0.5F);
  for (int round = 0; round < kRounds; ++round) {
    reload();
    const V w = hn::Load(d, operand);
    HWY_UNROLL(16)
    for (int i = 0; i < kChains; ++i) {
      acc[i] = hn::MulAdd(w, half, acc[i]);
    }
  }
  HWY_UNROLL(16)
  for (int i = 0; i < kChains; ++i) {
    sink[i] = hn::GetLane(acc[i]);
  }
  return 1.0 * kLanes * kChains * kRounds;
}

}  // namespace
}  // namespace bnas::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::bench {
namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Run>
double median_rate(Run run) {
  std::array<double, 9> rates{};
  for (double& rate : rates) {
    const double start = cpu_seconds();
    const double work = run();
    rate = work / (cpu_seconds() - start);
  }
  std::sort(rates.begin(), rates.end());
  return rates[rates.size() / 2];
}

}  // namespace

HWY_EXPORT(run_popcount);
HWY_EXPORT(run_fma);

double popcount_bound() {
  return median_rate([] {
    std::uint32_t out[16] = {};
    const double work = HWY_DYNAMIC_DISPATCH(run_popcount)(out);
    benchmark::DoNotOptimize(out);
    return work;
  });
}

double fma_bound() {
  return median_rate([] {
    float out[16] = {};
    const double work = HWY_DYNAMIC_DISPATCH(run_fma)(out);
    benchmark::DoNotOptimize(out);
    return work;
  });
}

}  // namespace bnas::bench
#endif
