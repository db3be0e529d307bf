// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace bnas::nas {

/// Unsigned integer modulo 2^256. Sums with negative terms come out right when the total is in range. Enough for the
/// largest count: 8! 2^8 (10 * 64)^16 < 2^173.
class WideInteger {
 public:
  WideInteger(std::uint64_t value = 0)  // NOLINT(google-explicit-constructor): mixes with plain integers
      : limbs_{static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32U)} {}

  WideInteger& operator+=(const WideInteger& other);
  WideInteger& operator-=(const WideInteger& other);
  WideInteger& operator*=(const WideInteger& other);
  /// Divides in place and returns the remainder; divisor > 0.
  std::uint32_t divide(std::uint32_t divisor);
  bool is_zero() const;
  std::string decimal() const;

 private:
  static constexpr std::size_t kLimbs = 8;
  std::array<std::uint32_t, kLimbs> limbs_{};  // little end first
};

}  // namespace bnas::nas
