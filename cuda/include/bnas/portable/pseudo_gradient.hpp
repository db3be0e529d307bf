// SPDX-License-Identifier: Apache-2.0
// Pseudo-gradients of sign: what replaces its derivative, which is 0 almost everywhere. Forward is sign(0) = +1.
#pragma once

#include <cmath>
#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas {

enum class PseudoGradient : std::uint8_t {
  ste_sign,     ///< 1 where |x| <= 1 (Courbariaux et al. 2016): needs one bit per element
  approx_sign,  ///< max(0, 2 - 2|x|) (Liu et al. 2018, Bi-Real Net)
  swish_sign,   ///< derivative of beta-scaled SignSwish (Darabi et al. 2018), beta = 5
};

inline constexpr float kSwishBeta = 5.0F;

BNAS_HD inline float pseudo_gradient(PseudoGradient kind, float x) {
  const float magnitude = x < 0.0F ? -x : x;
  switch (kind) {
    case PseudoGradient::ste_sign:
      return magnitude <= 1.0F ? 1.0F : 0.0F;
    case PseudoGradient::approx_sign:
      return magnitude < 1.0F ? 2.0F - 2.0F * magnitude : 0.0F;
    case PseudoGradient::swish_sign: {
      // beta (2 - beta x tanh(beta x / 2)) / (1 + cosh(beta x)); even in x, and 0 in float beyond beta |x| = 80.
      const float z = kSwishBeta * magnitude;
      return z > 80.0F ? 0.0F : kSwishBeta * (2.0F - z * std::tanh(0.5F * z)) / (1.0F + std::cosh(z));
    }
  }
  return 0.0F;
}

}  // namespace bnas
