// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/isa.hpp"

#include "backend/cpu/simd_targets.hpp"
// After the list of targets.
#include <hwy/highway.h>

namespace bnas::cpu {
namespace {

constexpr Isa kAll[] = {Isa::avx512_vpopcntdq, Isa::avx512, Isa::avx2, Isa::portable};

std::int64_t target_of(Isa isa) {
  switch (isa) {
#if HWY_ARCH_X86
    case Isa::avx512_vpopcntdq:
      return HWY_AVX3_DL;
    case Isa::avx512:
      return HWY_AVX3;
    case Isa::avx2:
      return HWY_AVX2;
#endif
    default:
      return HWY_STATIC_TARGET;
  }
}

bool has(std::int64_t targets, Isa isa) { return isa == Isa::portable || (targets & target_of(isa)) != 0; }

/// What the processor has, whatever use_isa() asked for.
std::int64_t detected() {
  static const std::int64_t targets = hwy::SupportedTargets();
  return targets;
}

}  // namespace

std::vector<Isa> supported_isas() {
  std::vector<Isa> found;
  for (const Isa isa : kAll) {
    if (has(detected(), isa)) {
      found.push_back(isa);
    }
  }
  return found;
}

Isa current_isa() {
  detected();
  const std::int64_t targets = hwy::SupportedTargets();
  for (const Isa isa : kAll) {
    if (has(targets, isa)) {
      return isa;
    }
  }
  return Isa::portable;
}

void use_isa(Isa isa) {
  std::int64_t targets = detected();
  for (const Isa better : kAll) {
    if (better == isa) {
      break;
    }
    targets &= ~target_of(better);
  }
  targets |= HWY_STATIC_TARGET;
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(targets);
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::avx512_vpopcntdq:
      return "AVX-512 VPOPCNTDQ";
    case Isa::avx512:
      return "AVX-512";
    case Isa::avx2:
      return "AVX2";
    case Isa::portable:
      break;
  }
  return "portable";
}

}  // namespace bnas::cpu
