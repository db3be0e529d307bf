// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/optimizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared =
    testing_support::declare_oracle("Optimizer", "formula in double; scalar rule on the host, equal");

using Floats = std::vector<float>;

/// One parameter on the device, and its values on the host.
struct Parameter {
  int rows, channels;
  float multiplier, clip;
  bool packs;
  Floats grad, weight, slots[3];
  DeviceBuffer<float> d_grad, d_weight, d_slot0, d_slot1, d_slot2;
  DeviceBuffer<Word> bits, mask;

  Parameter(int r, int c, bool packed, std::uint64_t site)
      : rows(r),
        channels(c),
        multiplier(site % 2 == 0 ? 1.0F : 3.5F),
        clip(packed ? 1.0F : 0.0F),
        packs(packed),
        grad(random_floats(size(), 5 * site, 2.0F)),
        weight(random_floats(size(), 5 * site + 1, 1.2F)),
        slots{random_floats(size(), 5 * site + 2), random_floats(size(), 5 * site + 3),
              random_floats(size(), 5 * site + 4)},
        d_grad(DeviceBuffer<float>::input(grad)),
        d_weight(DeviceBuffer<float>::output(size())),
        d_slot0(DeviceBuffer<float>::output(size())),
        d_slot1(DeviceBuffer<float>::output(size())),
        d_slot2(DeviceBuffer<float>::output(size())),
        bits(DeviceBuffer<Word>::output(word_count())),
        mask(DeviceBuffer<Word>::output(word_count())) {
    for (std::size_t s = 1; s < 3; ++s) {  // second moments
      std::transform(slots[s].begin(), slots[s].end(), slots[s].begin(), [](float v) { return v * v; });
    }
    const float special[] = {0.0F, -0.0F, 1.0F,
                             -1.0F};  // signs and masks at their borders, where no gradient moves them
    for (std::size_t i = 0; i < std::min(size(), std::size(special)); ++i) {
      weight[i] = special[i];
      grad[i] = slots[0][i] = 0.0F;
    }
    d_grad.upload(grad);
    reset();
  }

  std::size_t size() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(channels); }
  std::size_t word_count() const { return packs ? static_cast<std::size_t>(rows * words_for(channels)) : 0; }
  void reset() {
    d_weight.upload(weight);
    d_slot0.upload(slots[0]);
    d_slot1.upload(slots[1]);
    d_slot2.upload(slots[2]);
  }
  ParameterStep device(int used) const {
    ParameterStep p;
    p.grad = d_grad.data();
    p.weight = d_weight.data();
    p.slots[0] = used > 0 ? d_slot0.data() : nullptr;
    p.slots[1] = used > 1 ? d_slot1.data() : nullptr;
    p.slots[2] = used > 2 ? d_slot2.data() : nullptr;
    p.bits = packs ? bits.data() : nullptr;
    p.mask = packs ? mask.data() : nullptr;
    p.rows = rows;
    p.channels = channels;
    p.lr_multiplier = multiplier;
    p.clip = clip;
    return p;
  }
};

/// Rows that end before, at and behind a word, and more words than a block takes: 1100 floats are 35.
std::vector<Parameter> few() {
  std::vector<Parameter> parameters;
  const struct {
    int rows, channels;
    bool packed;
  } shapes[] = {{1, 1, false}, {9, 1, true},  {3, 31, true}, {2, 32, true},   {2, 33, true},
                {5, 65, true}, {1, 0, false}, {0, 7, false}, {1, 1100, false}};
  for (const auto& s : shapes) {
    parameters.emplace_back(s.rows, s.channels, s.packed, parameters.size());
  }
  return parameters;
}

std::vector<ParameterStep> on_device(const std::vector<Parameter>& parameters, int slots) {
  std::vector<ParameterStep> out;
  for (const Parameter& p : parameters) {
    out.push_back(p.device(slots));
  }
  return out;
}

/// Weights that a packing parameter must have signs and masks of, whatever the rule.
void expect_packed(const Parameter& p, const Floats& weight) {
  if (!p.packs) {
    return;
  }
  EXPECT_EQ(p.bits.download(), pack(weight, p.channels));
  std::vector<int> small(weight.size());
  std::transform(weight.begin(), weight.end(), small.begin(), [](float w) { return std::fabs(w) <= 1.0F ? -1 : 1; });
  EXPECT_EQ(p.mask.download(), pack(small, p.channels));
}

double clamped(double w, float clip) {
  return clip > 0.0F ? std::clamp(w, -static_cast<double>(clip), static_cast<double>(clip)) : w;
}

void expect_near(const Floats& got, const std::vector<double>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(got[i]), want[i], tolerance * std::max(1.0, std::fabs(want[i]))) << i;
  }
}

/// What a rule makes of one weight and its slots, in double.
using Rule = std::function<double(double g, double w, double lr, double (&slots)[3])>;

/// Slots and weights against the formula in double; a handful of roundings in float are allowed.
void expect_step(const std::vector<Parameter>& parameters, float lr, int slots, const Rule& rule) {
  for (const Parameter& p : parameters) {
    SCOPED_TRACE(std::to_string(p.rows) + " x " + std::to_string(p.channels));
    std::vector<double> weight(p.size()), slot[3] = {weight, weight, weight};
    for (std::size_t i = 0; i < p.size(); ++i) {
      double state[3] = {p.slots[0][i], p.slots[1][i], p.slots[2][i]};
      weight[i] = clamped(rule(p.grad[i], p.weight[i], static_cast<double>(lr) * p.multiplier, state), p.clip);
      for (int s = 0; s < 3; ++s) {
        slot[s][i] = s < slots ? state[s] : static_cast<double>(p.slots[s][i]);
      }
    }
    const Floats got = p.d_weight.download();
    expect_near(got, weight, 1e-6);
    expect_near(p.d_slot0.download(), slot[0], 1e-6);
    expect_near(p.d_slot1.download(), slot[1], 1e-6);
    expect_near(p.d_slot2.download(), slot[2], 1e-6);
    expect_packed(p, got);
  }
}

DeviceBuffer<StepValues> step_of(float lr, double bias_correction) {
  StepValues values;
  values.lr = lr;
  values.bias_correction = bias_correction;
  return DeviceBuffer<StepValues>::input({values});
}

TEST(Optimizer, AdamAndAmsgradInDouble) {
  const TestStream stream;
  std::vector<Parameter> parameters = few();
  AdamRule rule;
  rule.weight_decay = 0.01F;
  const double correction = rule.bias_correction(3);
  const auto step = step_of(0.01F, correction);
  for (const int slots : {2, 3}) {
    const auto device = on_device(parameters, slots);
    const auto launch = [&](cudaStream_t s) {
      return adam_step(device.data(), static_cast<int>(device.size()), rule, step.data(), s);
    };
    require_ok(launch(stream.get()));
    stream.synchronize();
    const Rule formula = [&](double g, double w, double lr, double(&state)[3]) {
      const double b1 = rule.beta1, b2 = rule.beta2;
      g += static_cast<double>(rule.weight_decay) * w;
      state[0] = b1 * state[0] + (1 - b1) * g;
      state[1] = b2 * state[1] + (1 - b2) * g * g;
      state[2] = std::max(state[2], state[1]);
      const double second = slots == 3 ? state[2] : state[1];
      return w - lr * correction * state[0] / (std::sqrt(second) + static_cast<double>(rule.eps));
    };
    expect_step(parameters, 0.01F, slots, formula);
    for (Parameter& p : parameters) {
      p.reset();
    }
  }
}

TEST(Optimizer, SgdInDouble) {
  const TestStream stream;
  std::vector<Parameter> parameters = few();
  const auto step = step_of(0.125F, 1.0);
  for (const SgdRule& rule : {SgdRule{}, SgdRule{0.5F, 0.25F, false}, SgdRule{0.5F, 0.25F, true}}) {
    const int slots = rule.momentum == 0.0F ? 0 : 1;
    const auto device = on_device(parameters, slots);
    require_ok(sgd_step(device.data(), static_cast<int>(device.size()), rule, step.data(), stream.get()));
    stream.synchronize();
    const Rule formula = [&](double g, double w, double lr, double(&state)[3]) {
      g += static_cast<double>(rule.weight_decay) * w;
      state[0] = static_cast<double>(rule.momentum) * state[0] + g;
      const double nesterov = g + static_cast<double>(rule.momentum) * state[0];
      return w - lr * (slots == 0 ? g : rule.nesterov ? nesterov : state[0]);
    };
    expect_step(parameters, 0.125F, slots, formula);
    for (Parameter& p : parameters) {
      p.reset();
    }
  }
}

TEST(Optimizer, BopFlipsWhereTheAverageAgreesInSignBeyondTheThreshold) {
  const TestStream stream;
  const auto grad = DeviceBuffer<float>::input({0.5F, -0.5F, -0.5F, 0.5F, 0.5F});
  auto weight = DeviceBuffer<float>::output(5), average = DeviceBuffer<float>::output(5);
  weight.upload({1, 1, -1, -1, 1});
  average.upload({0.5F, -0.5F, -0.5F, 0.5F, 0.0F});
  const auto bits = DeviceBuffer<Word>::output(1);
  ParameterStep p;
  p.grad = grad.data();
  p.weight = weight.data();
  p.slots[0] = average.data();
  p.bits = bits.data();
  p.channels = 5;
  require_ok(bop_step(&p, 1, BopRule{0.5F, 0.25F}, stream.get()));
  stream.synchronize();
  EXPECT_EQ(average.download(), (Floats{0.5F, -0.5F, -0.5F, 0.5F, 0.25F}));
  EXPECT_EQ(weight.download(), (Floats{-1, 1, 1, -1, 1}));  // the last average equals the threshold: no flip
  EXPECT_EQ(bits.download(), std::vector<Word>{0b01001});
}

// More parameters than a launch takes, twice; one launch works on two words a block.
TEST(Optimizer, EveryBitIsThatOfTheScalarRuleInReplaysToo) {
  const TestStream stream;
  std::vector<Parameter> parameters;
  for (int i = 0; i <= kStepParameters; ++i) {
    parameters.emplace_back(1 + i % 3, 20 + i, i % 2 == 0, static_cast<std::uint64_t>(i));
  }
  const AdamRule rule{.weight_decay = 0.1F};
  const auto step = step_of(0.02F, rule.bias_correction(1));
  const auto device = on_device(parameters, 3);
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    return adam_step(device.data(), static_cast<int>(device.size()), rule, step.data(), s, {.block_words = 2});
  });
  for (const Parameter& p : parameters) {
    Floats w = p.weight, m = p.slots[0], v = p.slots[1], v_max = p.slots[2];
    const float size = adam_step_size(0.02F * p.multiplier, rule.bias_correction(1));
    for (int replay = 0; replay < 2; ++replay) {
      for (std::size_t i = 0; i < w.size(); ++i) {
        w[i] = clip_to(adam_update(rule, size, p.grad[i], w[i], m[i], v[i], &v_max[i]), p.clip);
      }
    }
    EXPECT_EQ(p.d_weight.download(), w);
    EXPECT_EQ(p.d_slot0.download(), m);
    EXPECT_EQ(p.d_slot1.download(), v);
    EXPECT_EQ(p.d_slot2.download(), v_max);
    expect_packed(p, w);
  }
}

TEST(Optimizer, RefusesIncompleteParameters) {
  const TestStream stream;
  const Parameter whole(2, 3, true, 1);
  const auto step = step_of(0.1F, 1.0);
  ParameterStep p = whole.device(1);
  EXPECT_EQ(adam_step(&p, 1, {}, step.data(), stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(sgd_step(&p, 1, {}, nullptr, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(sgd_step(&p, 1, {}, step.data(), stream.get(), {.block_words = 0}).code, StatusCode::invalid_argument);
  p.grad = nullptr;
  EXPECT_EQ(bop_step(&p, 1, {}, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_TRUE(bop_step(nullptr, 0, {}, stream.get()).ok());
}

}  // namespace
}  // namespace bnas::cuda::test
