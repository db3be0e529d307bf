// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/optim/optimizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/optim/schedule.hpp"
#include "bnas/core/step_feed.hpp"

namespace bnas::optim {
namespace {

constexpr int kSteps = 5;
constexpr float kLr = 0.125F;
constexpr double kTolerance = 2e-6;  // a few f32 roundings per step, values near 1

class OptimizerTest : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 7;  // ends inside a vector

  OptimizerTest() {
    for (const auto role : {nn::ParamRole::real, nn::ParamRole::latent_binary}) {
      nn::Parameter p;
      p.name = role == nn::ParamRole::real ? "a" : "b";
      p.role = role;
      p.value = Tensor::from_host(*stream_, {kSize}, std::span<const float>(start()));
      p.grad = Tensor::full(*stream_, {kSize}, 0.0F);
      p.fan_in = 18;
      p.fan_out = 36;
      parameters_.push_back(p);
    }
    for (nn::Parameter& parameter : parameters_) {
      pointers_.push_back(&parameter);
    }
  }

  static std::vector<float> start() { return {0.5F, -0.25F, 0.9375F, -0.9375F, 0.0F, 0.75F, -0.0625F}; }

  /// Another gradient for every step, with both signs and a zero.
  static double gradient(int step, std::size_t i) {
    return 0.25 * (static_cast<double>((static_cast<std::size_t>(step) * 5 + i * 3) % 7) - 3.0);
  }

  void run_step(Optimizer& optimizer, int step, float lr = kLr) {
    std::vector<float> values(kSize);
    for (std::size_t i = 0; i < kSize; ++i) {
      values[i] = static_cast<float>(gradient(step, i));
    }
    for (nn::Parameter& p : parameters_) {
      p.grad.copy_from(*stream_, Tensor::from_host(*stream_, {kSize}, std::span<const float>(values)));
    }
    if (step == 1) {
      optimizer.prepare(*stream_, pointers_);
    }
    optimizer.step(*stream_, step_tensor(*stream_, {.lr = lr, .bias_correction = optimizer.bias_correction(step)}));
    for (nn::Parameter& p : parameters_) {
      EXPECT_EQ(p.grad.to_host(*stream_), values) << "gradients are only read";
    }
  }

  void expect_values(std::size_t parameter, const std::vector<double>& expected) {
    const std::vector<float> got = parameters_[parameter].value.to_host(*stream_);
    for (std::size_t i = 0; i < kSize; ++i) {
      EXPECT_NEAR(got[i], expected[i], kTolerance) << parameters_[parameter].name << "[" << i << "]";
    }
  }

  std::unique_ptr<Stream> stream_ = backend_for({}).make_stream();
  std::vector<nn::Parameter> parameters_;
  std::vector<nn::Parameter*> pointers_;
};

double clipped(double w) { return std::clamp(w, -1.0, 1.0); }

TEST_F(OptimizerTest, AdamFollowsKingmaAndBaAndClipsLatentWeightsAlone) {
  for (const bool amsgrad : {false, true}) {
    for (const bool glorot : {false, true}) {
      OptimizerTest_AdamFollowsKingmaAndBaAndClipsLatentWeightsAlone_Test fresh;
      const auto adam = make_adam(AdamRule{}, amsgrad, {.latent_clip = 1.0F, .glorot_lr = glorot});
      const double beta1 = 0.9F, beta2 = 0.999F, eps = 1e-7F;
      std::vector<double> m(kSize), v(kSize), v_max(kSize), real, latent;
      for (const float w : start()) {
        real.push_back(w);
        latent.push_back(w);
      }
      // A large second moment first and small ones later: only then AMSGrad differs.
      for (int t = 1; t <= kSteps; ++t) {
        fresh.run_step(*adam, t);
        const double step_size = kLr * std::sqrt(1.0 - std::pow(beta2, t)) / (1.0 - std::pow(beta1, t));
        const double multiplier = glorot ? 1.0 / std::sqrt(1.5 / (18.0 + 36.0)) : 1.0;
        for (std::size_t i = 0; i < kSize; ++i) {
          const double g = gradient(t, i);
          m[i] = beta1 * m[i] + (1.0 - beta1) * g;
          v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
          v_max[i] = std::max(v_max[i], v[i]);
          const double change = step_size * m[i] / (std::sqrt(amsgrad ? v_max[i] : v[i]) + eps);
          real[i] -= change;
          latent[i] = clipped(latent[i] - multiplier * change);
        }
        fresh.expect_values(0, real);
        fresh.expect_values(1, latent);
      }
    }
  }
}

TEST_F(OptimizerTest, AmsgradKeepsTheLargestSecondMoment) {
  const auto adam = make_adam({.beta2 = 0.5F}, false), amsgrad = make_adam({.beta2 = 0.5F}, true);
  std::vector<std::vector<float>> ends;
  for (Optimizer* optimizer : {adam.get(), amsgrad.get()}) {
    OptimizerTest_AmsgradKeepsTheLargestSecondMoment_Test fresh;
    nn::Parameter& p = fresh.parameters_[0];
    optimizer->prepare(*fresh.stream_, std::span<nn::Parameter* const>(fresh.pointers_.data(), 1));
    std::int64_t t = 0;
    for (const float g : {4.0F, 0.01F, 0.01F, 0.01F}) {
      p.grad.fill(*fresh.stream_, g);
      optimizer->step(*fresh.stream_,
                      step_tensor(*fresh.stream_, {.lr = kLr, .bias_correction = optimizer->bias_correction(++t)}));
    }
    ends.push_back(p.value.to_host(*fresh.stream_));
  }
  EXPECT_LT(ends[0][0], ends[1][0]);  // without the maximum, the old large gradient's momentum moves it further
}

TEST_F(OptimizerTest, SgdWithMomentumNesterovAndDecay) {
  for (const float momentum : {0.0F, 0.75F}) {
    for (const bool nesterov : {false, true}) {
      OptimizerTest_SgdWithMomentumNesterovAndDecay_Test fresh;
      const auto sgd = make_sgd({.momentum = momentum, .weight_decay = 0.0625F, .nesterov = nesterov});
      std::vector<double> velocity[2] = {std::vector<double>(kSize), std::vector<double>(kSize)};
      std::vector<double> w[2];
      for (auto& values : w) {
        const auto first = start();
        values.assign(first.begin(), first.end());
      }
      for (int t = 1; t <= kSteps; ++t) {
        fresh.run_step(*sgd, t);
        for (std::size_t p = 0; p < 2; ++p) {
          for (std::size_t i = 0; i < kSize; ++i) {
            const double g = gradient(t, i) + 0.0625 * w[p][i];
            velocity[p][i] = momentum * velocity[p][i] + g;
            w[p][i] -= kLr * (nesterov && momentum > 0.0F ? g + momentum * velocity[p][i] : velocity[p][i]);
            w[p][i] = p == 1 ? clipped(w[p][i]) : w[p][i];
          }
          fresh.expect_values(p, w[p]);
        }
      }
    }
  }
}

TEST_F(OptimizerTest, BopFlipsSignsAndLeavesTheRestToTheOtherOptimizer) {
  const auto bop = make_bop({.gamma = 0.25F, .threshold = 0.0625F}, make_sgd({}));
  std::vector<double> average(kSize), real, binary;
  for (const float w : start()) {
    real.push_back(w);
    binary.push_back(w < 0.0F ? -1.0 : 1.0);
  }
  const std::vector<double> first = binary;
  for (int t = 1; t <= kSteps; ++t) {
    run_step(*bop, t);
    for (std::size_t i = 0; i < kSize; ++i) {
      average[i] = 0.75 * average[i] + 0.25 * gradient(t, i);
      const bool flips = std::fabs(average[i]) > 0.0625 && (average[i] < 0.0) == (binary[i] < 0.0);
      binary[i] = flips ? -binary[i] : binary[i];
      real[i] -= kLr * gradient(t, i);
    }
    expect_values(0, real);
    expect_values(1, binary);
  }
  EXPECT_NE(binary, first) << "no weight flipped, the test shows nothing";
}

TEST_F(OptimizerTest, ClippingCanBeTurnedOff) {
  const auto sgd = make_sgd({}, {.latent_clip = 0.0F});
  parameters_[1].grad.fill(*stream_, -100.0F);
  sgd->prepare(*stream_, pointers_);
  sgd->step(*stream_, step_tensor(*stream_, {.lr = 1.0F}));
  EXPECT_FLOAT_EQ(parameters_[1].value.to_host(*stream_)[0], 100.5F);
}

TEST_F(OptimizerTest, SlotsHaveStableNamesAndCarryTheState) {
  const auto names_of = [&](Optimizer& optimizer) {
    std::vector<std::string> names;
    optimizer.prepare(*stream_, pointers_);
    optimizer.slots([&](const std::string& name, Tensor&) { names.push_back(name); });
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names_of(*make_adam({}, true)), (Names{"a.m", "a.v", "a.v_max", "b.m", "b.v", "b.v_max"}));
  EXPECT_EQ(names_of(*make_adam({}, false)), (Names{"a.m", "a.v", "b.m", "b.v"}));
  EXPECT_EQ(names_of(*make_sgd({.momentum = 0.5F})), (Names{"a.velocity", "b.velocity"}));
  EXPECT_EQ(names_of(*make_sgd({})), Names{});
  EXPECT_EQ(names_of(*make_bop({}, make_adam({}, false))), (Names{"b.average", "a.m", "a.v"}));
}

/// Stops after two steps, moves slots into a new optimizer, goes on: the weights must be the same bits.
TEST_F(OptimizerTest, ContinuingFromSlotsIsExact) {
  const auto make = [](int kind) {
    return kind == 0   ? make_adam({}, true)
           : kind == 1 ? make_sgd({.momentum = 0.5F})
                       : make_bop({.gamma = 0.25F, .threshold = 0.0625F}, make_adam({}, false));
  };
  for (int kind = 0; kind < 3; ++kind) {
    std::vector<std::vector<float>> ends[2];
    for (const bool interrupted : {false, true}) {
      OptimizerTest_ContinuingFromSlotsIsExact_Test fresh;
      auto optimizer = make(kind);
      for (int t = 1; t <= kSteps; ++t) {
        if (interrupted && t == 3) {
          std::vector<std::vector<float>> saved;
          optimizer->slots([&](const std::string&, Tensor& slot) { saved.push_back(slot.to_host(*fresh.stream_)); });
          auto next = make(kind);
          next->prepare(*fresh.stream_, fresh.pointers_);
          std::size_t i = 0;
          next->slots([&](const std::string&, Tensor& slot) {
            slot.copy_from(*fresh.stream_,
                           Tensor::from_host(*fresh.stream_, slot.shape(), std::span<const float>(saved[i++])));
          });
          optimizer = std::move(next);
        }
        fresh.run_step(*optimizer, t);
      }
      for (const nn::Parameter& p : fresh.parameters_) {
        ends[interrupted ? 1 : 0].push_back(p.value.to_host(*fresh.stream_));
      }
    }
    EXPECT_EQ(ends[0], ends[1]) << "kind " << kind;
  }
}

TEST_F(OptimizerTest, IsPreparedOnceAndBeforeItsFirstStep) {
  const auto adam = make_adam({}, false);
  const Tensor values = step_tensor(*stream_, {.lr = kLr});
  EXPECT_THROW(adam->step(*stream_, values), Error);
  adam->prepare(*stream_, pointers_);
  adam->step(*stream_, values);
  EXPECT_THROW(adam->prepare(*stream_, pointers_), Error);
}

TEST_F(OptimizerTest, ClipGradNormScalesOnlyWhatIsTooLong) {
  parameters_[0].grad.fill(*stream_, 3.0F);
  parameters_[1].grad.fill(*stream_, -4.0F);
  const double norm = std::sqrt(kSize * 25.0);
  EXPECT_NEAR(clip_grad_norm(*stream_, pointers_, 100.0F).to_host(*stream_)[0], norm, 1e-5);
  EXPECT_EQ(parameters_[0].grad.to_host(*stream_)[6], 3.0F);
  EXPECT_NEAR(clip_grad_norm(*stream_, pointers_, 1.0F).to_host(*stream_)[0], norm, 1e-5);
  EXPECT_NEAR(parameters_[0].grad.to_host(*stream_)[6], 3.0 / norm, 1e-6);
  EXPECT_NEAR(parameters_[1].grad.to_host(*stream_)[0], -4.0 / norm, 1e-6);
}

TEST(GlorotMultiplier, FollowsItsFormulaAndNeedsFans) {
  EXPECT_NEAR(glorot_multiplier(9, 144), std::sqrt(153.0 / 1.5), 1e-5);
  EXPECT_THROW(glorot_multiplier(0, 5), Error);
}

TEST(Schedule, ExponentialPerEpochAsTheSeeds) {
  const Schedule schedule;  // 1e-3 to 1e-4
  const double expected[] = {1.00e-3, 0.681e-3, 0.464e-3, 0.316e-3, 0.215e-3, 0.147e-3};
  for (int epoch = 0; epoch < 6; ++epoch) {
    EXPECT_NEAR(schedule.at(epoch, 6), expected[epoch], 0.0005e-3);
    EXPECT_EQ(schedule.at(epoch + 0.9, 6), schedule.at(epoch, 6)) << "constant within an epoch";
  }
}

TEST(Schedule, ConstantCosineAndWarmUp) {
  EXPECT_EQ((Schedule{.kind = ScheduleKind::constant}).at(5.5, 6), 1e-3F);
  const Schedule cosine{.kind = ScheduleKind::cosine, .lr_start = 0.5F, .lr_end = 0.25F};
  EXPECT_NEAR(cosine.at(0.0, 4), 0.5, 1e-7);
  EXPECT_NEAR(cosine.at(2.0, 4), 0.375, 1e-7);
  EXPECT_NEAR(cosine.at(1.0, 4), 0.375 + 0.125 * std::sqrt(0.5), 1e-7);
  EXPECT_NEAR(cosine.at(4.0, 4), 0.25, 1e-7);
  const Schedule warm{.kind = ScheduleKind::constant, .lr_start = 0.5F, .warmup_epochs = 2.0};
  EXPECT_EQ(warm.at(0.0, 4), 0.0F);
  EXPECT_EQ(warm.at(0.5, 4), 0.125F);
  EXPECT_EQ(warm.at(2.0, 4), 0.5F);
}

TEST(Schedule, NamesRoundTripAndTypingErrorsAreAnswered) {
  for (const auto kind : {ScheduleKind::constant, ScheduleKind::exponential, ScheduleKind::cosine}) {
    EXPECT_EQ(parse_schedule(schedule_name(kind)), kind);
  }
  try {
    parse_schedule("cosin");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find("did you mean 'cosine'"), std::string::npos) << error.what();
  }
}

// Momentum and decay would move a parameter that has no gradient; one that is not selected stays, slots and all.
TEST_F(OptimizerTest, SelectedParametersAloneMove) {
  const auto sgd = make_sgd({.momentum = 0.9F, .weight_decay = 0.5F});
  run_step(*sgd, 1);
  const std::vector<float> before = parameters_[1].value.to_host(*stream_);
  std::vector<std::vector<float>> velocities;
  const auto read_slots = [&] {
    velocities.clear();
    sgd->slots([&](const std::string&, Tensor& slot) { velocities.push_back(slot.to_host(*stream_)); });
  };
  read_slots();
  const std::vector<std::vector<float>> slots_before = velocities;
  sgd->select(std::span(pointers_).first(1));
  run_step(*sgd, 2);
  read_slots();
  EXPECT_EQ(parameters_[1].value.to_host(*stream_), before);
  EXPECT_EQ(velocities[1], slots_before[1]);
  EXPECT_NE(velocities[0], slots_before[0]);
  sgd->select(pointers_);
  run_step(*sgd, 3);
  EXPECT_NE(parameters_[1].value.to_host(*stream_), before);
}

}  // namespace
}  // namespace bnas::optim
