// SPDX-License-Identifier: Apache-2.0
#include "wide_integer.hpp"

#include <algorithm>

namespace bnas::nas {

WideInteger& WideInteger::operator+=(const WideInteger& other) {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < kLimbs; ++i) {
    carry += std::uint64_t{limbs_[i]} + other.limbs_[i];
    limbs_[i] = static_cast<std::uint32_t>(carry);
    carry >>= 32U;
  }
  return *this;
}

WideInteger& WideInteger::operator-=(const WideInteger& other) {
  WideInteger negated;  // two's complement
  for (std::size_t i = 0; i < kLimbs; ++i) {
    negated.limbs_[i] = ~other.limbs_[i];
  }
  negated += 1;
  return *this += negated;
}

WideInteger& WideInteger::operator*=(const WideInteger& other) {
  std::array<std::uint32_t, kLimbs> product{};
  for (std::size_t i = 0; i < kLimbs; ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; i + j < kLimbs; ++j) {
      carry += std::uint64_t{limbs_[i]} * other.limbs_[j] + product[i + j];
      product[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32U;
    }
  }
  limbs_ = product;
  return *this;
}

std::uint32_t WideInteger::divide(std::uint32_t divisor) {
  std::uint64_t remainder = 0;
  for (std::size_t i = kLimbs; i-- > 0;) {
    remainder = remainder << 32U | limbs_[i];
    limbs_[i] = static_cast<std::uint32_t>(remainder / divisor);
    remainder %= divisor;
  }
  return static_cast<std::uint32_t>(remainder);
}

bool WideInteger::is_zero() const {
  return std::all_of(limbs_.begin(), limbs_.end(), [](std::uint32_t limb) { return limb == 0; });
}

std::string WideInteger::decimal() const {
  std::string digits;
  WideInteger rest = *this;
  do {
    digits.push_back(static_cast<char>('0' + rest.divide(10)));
  } while (!rest.is_zero());
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace bnas::nas
