// SPDX-License-Identifier: Apache-2.0
// The bit convention of bnas, in one place (docs/bits.md derives it).
//   bit 1 means -1, bit 0 means +1, sign(0) = +1: a bit is the IEEE sign bit of x + 0.
//   Channels are the innermost axis, packed little end first into 32-bit words; padding bits are 0 and never counted.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__CUDACC__)
#define BNAS_HD __host__ __device__  // the only macro of this layer: nvcc needs the annotation
#else
#define BNAS_HD
#endif

namespace bnas {

using Word = std::uint32_t;
inline constexpr int kWordBits = 32;

/// Words that hold `channels` bits.
BNAS_HD constexpr std::int64_t words_for(std::int64_t channels) { return (channels + kWordBits - 1) / kWordBits; }

/// The bit of x: 1 for x < 0, 0 for x >= 0; -0.0 counts as 0, NaN as +1.
BNAS_HD constexpr Word sign_bit(float x) { return x < 0.0F ? 1U : 0U; }

/// The value of a bit: 0 -> +1, 1 -> -1.
BNAS_HD constexpr float bit_value(Word bit) { return bit != 0U ? -1.0F : 1.0F; }

/// Bits of the last word that are in use; all ones when `channels` fills it.
BNAS_HD constexpr Word tail_mask(std::int64_t channels) {
  const auto used = static_cast<unsigned>(channels % kWordBits);
  return used == 0U ? ~Word{0} : (Word{1} << used) - 1U;
}

/// Dot product of K values in {-1, +1} whose bits differ in `mismatches` places.
BNAS_HD constexpr std::int32_t dot_from_mismatches(std::int32_t k, std::int32_t mismatches) {
  return k - 2 * mismatches;
}

}  // namespace bnas
