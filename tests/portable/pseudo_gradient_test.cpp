// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/pseudo_gradient.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace bnas {
namespace {

TEST(PseudoGradient, SteIsOneOnTheClosedInterval) {
  const auto ste = [](float x) { return pseudo_gradient(PseudoGradient::ste_sign, x); };
  for (const float x : {0.0F, -0.0F, 1.0F, -1.0F, 0.3F}) {
    EXPECT_EQ(ste(x), 1.0F) << x;
  }
  for (const float x : {std::nextafter(1.0F, 2.0F), -1.5F, std::numeric_limits<float>::infinity(),
                        std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_EQ(ste(x), 0.0F) << x;
  }
}

TEST(PseudoGradient, ApproxIsATriangleOfAreaTwo) {
  const auto approx = [](float x) { return pseudo_gradient(PseudoGradient::approx_sign, x); };
  EXPECT_EQ(approx(0.0F), 2.0F);
  EXPECT_EQ(approx(0.25F), 1.5F);
  EXPECT_EQ(approx(-0.25F), 1.5F);
  EXPECT_EQ(approx(1.0F), 0.0F);
  EXPECT_EQ(approx(-7.0F), 0.0F);
}

TEST(PseudoGradient, SwishIsTheDerivativeOfSignSwish) {
  // SS(x) = 2 s(bx) (1 + bx (1 - s(bx))) - 1 with the sigmoid s and b = 5 (Darabi et al. 2018, equation 6).
  const auto sign_swish = [](double x) {
    const double z = 5 * x;
    const double s = 1 / (1 + std::exp(-z));
    return 2 * s * (1 + z * (1 - s)) - 1;
  };
  for (double x = -3; x <= 3; x += 0.0625) {
    const double slope = (sign_swish(x + 1e-5) - sign_swish(x - 1e-5)) / 2e-5;
    EXPECT_NEAR(pseudo_gradient(PseudoGradient::swish_sign, static_cast<float>(x)), slope, 1e-5) << x;
  }
  EXPECT_EQ(pseudo_gradient(PseudoGradient::swish_sign, 0.0F), 5.0F);
  EXPECT_EQ(pseudo_gradient(PseudoGradient::swish_sign, 1e30F), 0.0F);  // cosh overflows there
  EXPECT_EQ(pseudo_gradient(PseudoGradient::swish_sign, -1e30F), 0.0F);
}

}  // namespace
}  // namespace bnas
