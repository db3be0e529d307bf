// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/supernet.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/ops/loss.hpp"

namespace bnas::nas {
namespace {

constexpr RandomKey kKey{11, 0, RandomPurpose::init};

SupernetConfig toy(OperationSet set, const std::string& precision) {
  SupernetConfig config;
  config.style.operations = set;
  config.style.precision = Precision::parse(precision);
  config.cells = 3;
  config.channels = 4;
  config.stem_multiplier = 1;
  config.classes = 3;
  return config;
}

/// A batch of made-up images with labels.
struct Batch {
  Batch(Stream& stream, std::int64_t n, std::int64_t side, int classes) : labels(Tensor(stream, {n}, DType::i32)) {
    const RandomKey key{3, 0, RandomPurpose::synthetic};
    std::vector<float> pixels(static_cast<std::size_t>(n * side * side * 3));
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = 2.0F * key.uniform(i) - 1.0F;
    }
    images = Tensor::from_host(stream, {n, side, side, 3}, std::span<const float>(pixels));
    std::vector<std::int32_t> classes_of;
    for (std::int64_t i = 0; i < n; ++i) {
      classes_of.push_back(static_cast<std::int32_t>(i % classes));
    }
    labels = Tensor::from_host(stream, {n}, std::span<const std::int32_t>(classes_of));
  }
  Tensor images, labels;
};

class SupernetTest : public testing::Test {
 protected:
  /// Loss of a training pass; gradients where `backward`.
  double loss(Supernet& net, const Batch& batch, bool backward, Keep keep = Keep::values) {
    Tape tape(*stream_, keep);
    Context ctx{*stream_, backward ? &tape : nullptr, Mode::train};
    const Var result = ops::softmax_cross_entropy(ctx, net.forward(ctx, Var{batch.images}), batch.labels);
    if (backward) {
      saved_bytes_ = tape.saved_bytes();
      tape.backward(result);
    }
    return result.value.to_host(*stream_)[0];
  }

  std::unique_ptr<Stream> stream_ = backend_for({}).make_stream();
  std::size_t saved_bytes_ = 0;
};

// The counts of DARTS, of BNAS (ratio 2) and of PC-DARTS (ratio 4).
TEST_F(SupernetTest, ParameterCountsOfThePapers) {
  for (const auto& [ratio, count] : {std::pair{1, 1'930'618}, {2, 671'482}, {4, 299'578}}) {
    SupernetConfig config;
    config.channel_ratio = ratio;
    for (const char* precision : {"W32A32", "W1A32"}) {
      config.style.precision = Precision::parse(precision);
      EXPECT_EQ(Supernet(*stream_, config, kKey).parameter_count(), count) << ratio << " " << precision;
    }
  }
}

// Gradients of alpha and beta against central differences of the loss itself, for every order of layers. Signs do not
// depend on the architecture unless values pass through them, so that with binary inputs differences say nothing.
TEST_F(SupernetTest, ArchitectureGradientsAreDerivatives) {
  for (const auto& [set, precision, ratio] : {std::tuple{OperationSet::darts_separable, "W32A32", 2},
                                              {OperationSet::darts_separable, "W1A32", 1},
                                              {OperationSet::dense_1bit, "W1A32", 2},
                                              {OperationSet::group_shuffle, "W1A32", 1}}) {
    SupernetConfig config = toy(set, precision);
    config.channel_ratio = ratio;
    config.cells = 1;
    Supernet net(*stream_, config, kKey);
    net.set_trained(Trained::architecture);
    const Batch batch(*stream_, 6, 6, config.classes);
    loss(net, batch, true);
    for (nn::Parameter* parameter : {net.architecture()[0], net.architecture()[1]}) {
      const std::vector<float> gradient = parameter->grad.to_host(*stream_);
      const std::vector<float> start = parameter->value.to_host(*stream_);
      double most = 0.0;
      for (const float value : gradient) {
        most = std::max(most, std::fabs(static_cast<double>(value)));
      }
      ASSERT_GT(most, 1e-4) << parameter->name;
      for (std::size_t i = 0; i < start.size(); i += 5) {
        constexpr float kStep = 0.015625F;
        const auto shifted = [&](float by) {
          std::vector<float> values = start;
          values[i] += by;
          parameter->value.copy_from(
              *stream_, Tensor::from_host(*stream_, parameter->value.shape(), std::span<const float>(values)));
          return loss(net, batch, false);
        };
        // Fourth order: the f32 loss has 1e-7 of noise, the third derivative would leave as much as the tolerance.
        const double numeric =
            (8.0 * (shifted(kStep) - shifted(-kStep)) - (shifted(2 * kStep) - shifted(-2 * kStep))) / (12.0 * kStep);
        shifted(0.0F);
        EXPECT_NEAR(gradient[i], numeric, 0.02 * most + 2e-5)
            << parameter->name << "[" << i << "] of " << operation_set_name(set) << " " << precision;
      }
    }
  }
}

TEST_F(SupernetTest, EveryStyleTrainsAPassOfFiniteGradients) {
  for (const auto set : {OperationSet::darts_separable, OperationSet::dense_1bit, OperationSet::group_shuffle}) {
    for (const char* precision : {"W32A32", "W1A32", "W32A1", "W1A1"}) {
      for (const WeightMethod method : {WeightMethod::none, WeightMethod::xnor, WeightMethod::pcnn}) {
        for (const bool other : {false, true}) {
          SupernetConfig config = toy(set, precision);
          config.style.weights.method = method;
          config.style.weights.gradient = other ? XnorGradient::corrected : XnorGradient::constant;
          config.style.weights.form = other ? PcnnForm::scalar : PcnnForm::matrix;
          config.style.shortcuts = config.style.cell_skips = other;
          Supernet net(*stream_, config, kKey);
          net.prepare_weights();
          const Batch batch(*stream_, 4, 9, config.classes);  // odd: 9, 5, 3 pixels
          EXPECT_TRUE(std::isfinite(loss(net, batch, true)));
          int without = 0;
          std::vector<nn::Parameter*> all = net.architecture();
          net.parameters([&](nn::Parameter& parameter) { all.push_back(&parameter); });
          for (const nn::Parameter* parameter : all) {
            double sum = 0.0;
            for (const float value : parameter->grad.to_host(*stream_)) {
              ASSERT_TRUE(std::isfinite(value)) << parameter->name;
              sum += std::fabs(static_cast<double>(value));
            }
            without += sum == 0.0 ? 1 : 0;
          }
          EXPECT_EQ(without, 0) << config.text();
        }
      }
    }
  }
}

// The mean over the one input channel of a depthwise filter is the filter itself: centering must leave it alone.
TEST_F(SupernetTest, CenteringSparesDepthwiseFilters) {
  SupernetConfig config = toy(OperationSet::darts_separable, "W1A32");
  config.style.weights.gradient = XnorGradient::corrected;
  Supernet net(*stream_, config, kKey);
  std::map<std::string, std::vector<float>> before;
  net.parameters([&](nn::Parameter& p) { before[p.name] = p.value.to_host(*stream_); });
  net.prepare_weights();
  int centered = 0;
  net.parameters([&](nn::Parameter& p) {
    const std::vector<float> after = p.value.to_host(*stream_);
    const bool binary = p.role == nn::ParamRole::latent_binary;
    if (!binary || p.name.find(".depthwise.") != std::string::npos) {
      EXPECT_EQ(after, before[p.name]) << p.name;
      return;
    }
    ++centered;
    const auto channels = static_cast<std::size_t>(p.value.shape().channels());
    for (std::size_t tap = 0; tap < after.size(); tap += channels) {
      double sum = 0.0, most = 0.0;
      for (std::size_t c = 0; c < channels; ++c) {
        sum += static_cast<double>(after[tap + c]);
        most = std::max(most, std::fabs(static_cast<double>(after[tap + c])));
      }
      EXPECT_LE(most, 1.0) << p.name;
      EXPECT_TRUE(most == 1.0 || std::fabs(sum) < 1e-5) << p.name << ": clamped, or without a mean";
    }
  });
  EXPECT_GT(centered, 100);
}

// A sampled network runs and trains its own operations alone: the others may be anything.
TEST_F(SupernetTest, DeadOperationsDoNotCount) {
  for (const char* precision : {"W1A32", "W1A1"}) {
    const SupernetConfig config = toy(OperationSet::darts_separable, precision);
    Supernet net(*stream_, config, kKey);
    Selection selection;
    for (std::size_t type = 0; type < 2; ++type) {
      for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
        selection[type][edge] = static_cast<int>((edge * 3 + type) % 8);
      }
    }
    net.set_alive(selection);
    const Batch batch(*stream_, 4, 8, config.classes);
    const double before = loss(net, batch, false);
    std::vector<nn::Parameter*> used = net.alive_parameters();
    std::size_t spoiled = 0;
    net.parameters([&](nn::Parameter& parameter) {
      if (std::find(used.begin(), used.end(), &parameter) == used.end()) {
        parameter.value.fill(*stream_, NAN);
        ++spoiled;
      }
    });
    EXPECT_GT(spoiled, 100U);
    EXPECT_EQ(loss(net, batch, true), before);
    for (nn::Parameter* parameter : net.architecture()) {  // a single operation has weight 1 whatever alpha is
      const std::vector<float> gradient = parameter->grad.to_host(*stream_);
      const bool alpha = parameter->name.rfind("alpha", 0) == 0;
      for (const float value : gradient) {
        EXPECT_TRUE(alpha ? value == 0.0F : std::isfinite(value)) << parameter->name;
      }
    }
  }
}

TEST_F(SupernetTest, AllEdgesMayComeDownToNone) {
  const SupernetConfig config = toy(OperationSet::darts_separable, "W1A32");
  for (const int ratio : {1, 2}) {
    SupernetConfig other = config;
    other.channel_ratio = ratio;
    Supernet net(*stream_, other, kKey);
    net.set_alive(Selection{});
    EXPECT_TRUE(std::isfinite(loss(net, Batch(*stream_, 2, 8, 3), true)));
  }
}

// What is frozen has no gradient, and what is not has the same bits as when both are trained.
TEST_F(SupernetTest, FrozenHalvesChangeNothingInTheOther) {
  const SupernetConfig config = toy(OperationSet::darts_separable, "W1A1");
  const Batch batch(*stream_, 4, 8, config.classes);
  std::array<std::vector<std::vector<float>>, 3> weights, architecture;
  for (const Trained trained : {Trained::both, Trained::weights, Trained::architecture}) {
    Supernet net(*stream_, config, kKey);
    net.set_trained(trained);
    loss(net, batch, true);
    const auto i = static_cast<std::size_t>(trained);
    net.parameters([&](nn::Parameter& p) { weights[i].push_back(p.grad.to_host(*stream_)); });
    for (nn::Parameter* p : net.architecture()) {
      architecture[i].push_back(p->grad.to_host(*stream_));
    }
  }
  const auto at = [](Trained trained) { return static_cast<std::size_t>(trained); };
  EXPECT_EQ(weights[at(Trained::weights)], weights[at(Trained::both)]);
  EXPECT_EQ(architecture[at(Trained::architecture)], architecture[at(Trained::both)]);
  for (const auto& gradient : architecture[at(Trained::weights)]) {
    EXPECT_EQ(gradient, std::vector<float>(gradient.size(), 0.0F));
  }
}

// Bits where the network is binary: the saved activations of a W1A1 pass are well below those of the real one.
TEST_F(SupernetTest, BinaryPassesKeepLess) {
  std::array<std::size_t, 2> bytes{};
  for (const bool binary : {false, true}) {
    SupernetConfig config = toy(OperationSet::darts_separable, binary ? "W1A1" : "W32A32");
    config.channels = 32;
    Supernet net(*stream_, config, kKey);
    loss(net, Batch(*stream_, 8, 16, config.classes), true);
    bytes[binary ? 1 : 0] = saved_bytes_;
  }
  EXPECT_LT(static_cast<double>(bytes[1]), 0.8 * static_cast<double>(bytes[0]));
}

// Values that are made again for backward change no bit of any gradient, and less is kept.
TEST_F(SupernetTest, WhatIsMadeAgainIsTheSame) {
  for (const auto set : {OperationSet::darts_separable, OperationSet::dense_1bit, OperationSet::group_shuffle}) {
    for (const char* precision : {"W32A32", "W1A32", "W1A1"}) {
      SupernetConfig config = toy(set, precision);
      config.style.shortcuts = set == OperationSet::dense_1bit;
      std::array<std::vector<std::vector<float>>, 2> gradients;
      std::array<std::size_t, 2> bytes{};
      for (std::size_t i = 0; i < 2; ++i) {
        Supernet net(*stream_, config, kKey);
        loss(net, Batch(*stream_, 4, 9, config.classes), true, i == 0 ? Keep::values : Keep::parts);
        bytes[i] = saved_bytes_;
        net.parameters([&](nn::Parameter& p) { gradients[i].push_back(p.grad.to_host(*stream_)); });
        for (nn::Parameter* p : net.architecture()) {
          gradients[i].push_back(p->grad.to_host(*stream_));
        }
      }
      EXPECT_EQ(gradients[0], gradients[1]) << config.text();
      EXPECT_LT(bytes[1], bytes[0]) << config.text();
    }
  }
}

TEST_F(SupernetTest, EntropyGradientIsAddedOverAllEdges) {
  Supernet net(*stream_, toy(OperationSet::dense_1bit, "W1A32"), kKey);
  nn::Parameter& alpha = *net.architecture()[0];
  std::vector<float> values(14 * 7, 0.0F);
  values[0] = 1.0F;  // one edge prefers an operation
  alpha.value.copy_from(*stream_, Tensor::from_host(*stream_, {14, 7}, std::span<const float>(values)));
  alpha.grad.fill(*stream_, 0.0F);
  net.add_entropy_gradient(-2.0F);
  const std::vector<float> gradient = alpha.grad.to_host(*stream_);
  const double e = std::exp(1.0), p = e / (e + 6.0), q = 1.0 / (e + 6.0);
  const double entropy = -p * std::log(p) - 6.0 * q * std::log(q);
  EXPECT_NEAR(gradient[0], -2.0 / 28.0 * -p * (std::log(p) + entropy), 1e-7);
  EXPECT_NEAR(gradient[7], 0.0, 1e-7) << "a uniform edge has the largest entropy";
}

TEST_F(SupernetTest, ImpossibleConfigurationsAreRefused) {
  SupernetConfig config;
  config.channel_ratio = 3;
  EXPECT_THROW(Supernet(*stream_, config, kKey), Error);
  EXPECT_THROW(Precision::parse("W1A2"), Error);
  EXPECT_THROW(parse_operation_set("darts"), Error);
}

}  // namespace
}  // namespace bnas::nas
