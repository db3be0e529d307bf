// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/optimizer_rules.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace bnas {
namespace {

TEST(OptimizerRules, ClipKeepsNaNAndIsOffAtZero) {
  EXPECT_EQ(clip_to(1.5F, 1.0F), 1.0F);
  EXPECT_EQ(clip_to(-1.5F, 1.0F), -1.0F);
  EXPECT_EQ(clip_to(0.5F, 1.0F), 0.5F);
  EXPECT_EQ(clip_to(9.0F, 0.0F), 9.0F);
  EXPECT_TRUE(std::isnan(clip_to(std::numeric_limits<float>::quiet_NaN(), 1.0F)));
}

TEST(OptimizerRules, FirstAdamStepIsTheLearningRate) {
  // By hand: m = 0.1 g, v = 0.001 g^2, size = lr sqrt(0.001) / 0.1; the quotient is lr whatever g, but for eps.
  for (const float g : {0.01F, -4.0F}) {
    float m = 0, v = 0;
    const AdamRule rule;
    const float w = adam_update(rule, adam_step_size(0.125F, rule.bias_correction(1)), g, 1.0F, m, v, nullptr);
    EXPECT_NEAR(w, 1.0 - (g > 0 ? 0.125 : -0.125), 0.125 * 1e-3);  // eps / (sqrt(0.001) |g|) = 3e-4 at most
    EXPECT_NEAR(m, 0.1 * static_cast<double>(g), 1e-6);
    EXPECT_NEAR(v, 0.001 * static_cast<double>(g) * static_cast<double>(g), 1e-6);
  }
}

TEST(OptimizerRules, SecondAdamStepByHand) {
  // beta1 = 0.5, beta2 = 0.75, eps = 0, lr = 1; gradients 2 then -1:
  // m = 1, v = 1; m = 0.5 - 0.5 = 0, v = 0.75 + 0.25 = 1. Then with g = 3: m = 1.5, v = 0.75 + 2.25 = 3;
  // size(3) = sqrt(1 - 27/64) / (1 - 1/8) = 0.8689660757..., change = size * 1.5 / sqrt(3) = 0.7525466969...
  const AdamRule rule{.beta1 = 0.5F, .beta2 = 0.75F, .eps = 0.0F};
  float m = 0, v = 0, w = 0;
  EXPECT_EQ(rule.bias_correction(1), 1.0);  // sqrt(1 - 0.75) / (1 - 0.5)
  w = adam_update(rule, adam_step_size(1.0F, rule.bias_correction(1)), 2.0F, w, m, v, nullptr);
  EXPECT_FLOAT_EQ(w, -1.0F);
  w = adam_update(rule, adam_step_size(1.0F, rule.bias_correction(2)), -1.0F, w, m, v, nullptr);
  EXPECT_EQ(m, 0.0F);
  EXPECT_EQ(v, 1.0F);
  EXPECT_FLOAT_EQ(w, -1.0F);
  w = adam_update(rule, adam_step_size(1.0F, rule.bias_correction(3)), 3.0F, w, m, v, nullptr);
  EXPECT_EQ(m, 1.5F);
  EXPECT_EQ(v, 3.0F);
  EXPECT_FLOAT_EQ(w, -1.7525467F);
}

TEST(OptimizerRules, AmsgradNeverForgetsTheLargestSecondMoment) {
  const AdamRule rule{.beta1 = 0.0F, .beta2 = 0.5F, .eps = 0.0F};
  float m = 0, v = 0, v_max = 0;
  float w = adam_update(rule, 1.0F, 4.0F, 0.0F, m, v, &v_max);
  EXPECT_EQ(v_max, 8.0F);
  w = adam_update(rule, 1.0F, 0.0F, w, m, v, &v_max);
  EXPECT_EQ(v, 4.0F);
  EXPECT_EQ(v_max, 8.0F);
  EXPECT_FLOAT_EQ(adam_update(rule, 1.0F, 2.0F, 0.0F, m, v, &v_max), -2.0F / std::sqrt(8.0F));  // v = 4 < v_max
}

TEST(OptimizerRules, WeightDecayAddsToTheGradient) {
  float m = 0, v = 0;
  const AdamRule rule{.beta1 = 0.5F, .weight_decay = 0.5F};
  adam_update(rule, 0.0F, 1.0F, 4.0F, m, v, nullptr);
  EXPECT_EQ(m, 1.5F);  // 0.5 (1 + 0.5 * 4)
}

TEST(OptimizerRules, SgdByHand) {
  EXPECT_EQ(sgd_update({}, 0.5F, 2.0F, 1.0F, nullptr), 0.0F);
  EXPECT_EQ(sgd_update({.weight_decay = 0.5F}, 0.5F, 2.0F, 1.0F, nullptr), -0.25F);
  float velocity = 4.0F;
  EXPECT_EQ(sgd_update({.momentum = 0.5F}, 0.5F, 2.0F, 1.0F, &velocity), -1.0F);
  EXPECT_EQ(velocity, 4.0F);  // 0.5 * 4 + 2
  EXPECT_EQ(sgd_update({.momentum = 0.5F, .nesterov = true}, 0.5F, 2.0F, 1.0F, &velocity), -1.0F);
  EXPECT_EQ(sgd_update({.momentum = 0.5F, .nesterov = true}, 0.5F, 0.0F, 1.0F, &velocity), 0.5F);
  EXPECT_EQ(velocity, 2.0F);
}

TEST(OptimizerRules, BopFlipsOnAgreementBeyondTheThreshold) {
  const BopRule rule{.gamma = 0.5F, .threshold = 0.25F};
  float average = 0.0F;
  EXPECT_EQ(bop_update(rule, 0.5F, 1.0F, average), 1.0F);  // 0.25 equals the threshold
  EXPECT_EQ(average, 0.25F);
  EXPECT_EQ(bop_update(rule, 0.5F, -1.0F, average), -1.0F);  // opposite signs
  EXPECT_EQ(bop_update(rule, 0.5F, 1.0F, average), -1.0F);   // 0.4375
}

}  // namespace
}  // namespace bnas
