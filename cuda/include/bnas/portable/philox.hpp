// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11).
// The same (key, counter) gives the same numbers on every device, in any order and after any resume.
#pragma once

#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas {

struct Philox4 {
  std::uint32_t v[4];
};

BNAS_HD constexpr Philox4 philox4x32(Philox4 counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * counter.v[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * counter.v[2];
    counter = Philox4{{static_cast<std::uint32_t>(p1 >> 32U) ^ counter.v[1] ^ key0, static_cast<std::uint32_t>(p1),
                       static_cast<std::uint32_t>(p0 >> 32U) ^ counter.v[3] ^ key1, static_cast<std::uint32_t>(p0)}};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

/// Uniform in [0, 1) with 24 bits: exactly representable in float.
BNAS_HD constexpr float uniform01(std::uint32_t bits) { return static_cast<float>(bits >> 8U) * 0x1.0p-24F; }

/// What a random number is for: part of the key, so that no two uses share numbers.
enum class RandomPurpose : std::uint32_t {
  init = 1,
  shuffle,
  dropout,
  split,
  augment,
  sample,
  surrogate,
  synthetic,
  expand,
};

/// A stream of random numbers: (seed, stream, purpose) name it, a 64-bit index picks a number of it.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  ///< trial, layer or member; see derive()
  RandomPurpose purpose = RandomPurpose::init;

  /// Four numbers at block `index`.
  BNAS_HD constexpr Philox4 block(std::uint64_t index) const {
    const auto hi = static_cast<std::uint32_t>(stream >> 32U) ^ (static_cast<std::uint32_t>(purpose) << 24U);
    return philox4x32(Philox4{{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32U),
                               static_cast<std::uint32_t>(stream), hi}},
                      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U));
  }
  /// The 32-bit number at `index`.
  BNAS_HD constexpr std::uint32_t bits(std::uint64_t index) const { return block(index / 4U).v[index % 4U]; }
  /// Uniform in [0, 1).
  BNAS_HD constexpr float uniform(std::uint64_t index) const { return uniform01(bits(index)); }
  /// Uniform in [0, n), n > 0, without modulo bias beyond 2^-32.
  BNAS_HD constexpr std::uint32_t below(std::uint64_t index, std::uint32_t n) const {
    return static_cast<std::uint32_t>((std::uint64_t{bits(index)} * n) >> 32U);
  }
  /// An independent stream for part `id` (an epoch, a step, a layer) of this one.
  BNAS_HD constexpr RandomKey derive(std::uint64_t id) const {
    const Philox4 mixed = block(~id);
    RandomKey key = *this;
    key.stream = (std::uint64_t{mixed.v[0]} << 32U | mixed.v[1]) & 0x00FFFFFFFFFFFFFFULL;
    return key;
  }
};

}  // namespace bnas
