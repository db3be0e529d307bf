// SPDX-License-Identifier: Apache-2.0
// Supernets and searches on every device of the machine, against the CPU.
#include <gtest/gtest.h>

#include <cmath>

#include "bnas/core/backend.hpp"
#include "bnas/core/data/synthetic.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/differentiable/differentiable_search.hpp"
#include "bnas/nas/differentiable/supernet.hpp"
#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

struct Pass {
  double loss = 0.0;
  std::vector<std::pair<std::string, std::vector<float>>> gradients;
};

/// One training pass of a small supernet on made-up images.
Pass pass_on(Device device, const SupernetConfig& config) {
  const auto stream = backend_for(device).make_stream();
  Supernet net(*stream, config, {1, 0, RandomPurpose::init});
  net.prepare_weights();
  std::vector<float> pixels(2 * 6 * 6 * 3);
  const RandomKey key{3, 0, RandomPurpose::synthetic};
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = 2.0F * key.uniform(i) - 1.0F;
  }
  const std::vector<std::int32_t> classes{0, 2};
  const Tensor labels = Tensor::from_host(*stream, {2}, std::span<const std::int32_t>(classes));
  Tape tape(*stream);
  Context ctx{*stream, &tape, Mode::train};
  const Var images{Tensor::from_host(*stream, {2, 6, 6, 3}, std::span<const float>(pixels))};
  const Var loss = ops::softmax_cross_entropy(ctx, net.forward(ctx, images), labels);
  tape.backward(loss);
  Pass pass{loss.value.to_host(*stream)[0], {}};
  const auto add = [&](const nn::Parameter& p) { pass.gradients.emplace_back(p.name, p.grad.to_host(*stream)); };
  net.parameters([&](nn::Parameter& p) { add(p); });
  for (const nn::Parameter* p : net.architecture()) {
    add(*p);
  }
  return pass;
}

SupernetConfig small(OperationSet set, const char* precision) {
  SupernetConfig config;
  config.style.operations = set;
  config.style.precision = Precision::parse(precision);
  config.cells = 1;
  config.channels = 4;
  config.stem_multiplier = 1;
  config.classes = 3;
  return config;
}

class DifferentiableOnDevice : public testing::TestWithParam<Device> {};

// A value within rounding of 0 may change its sign, and all behind it: real networks are compared number by number,
// those with signs by their loss. Their operations are compared exactly, one by one, in op_tests.
TEST_P(DifferentiableOnDevice, PassesAgreeWithTheCpu) {
  for (const auto& [set, precision, method] : {std::tuple{OperationSet::darts_separable, "W32A32", WeightMethod::none},
                                               {OperationSet::darts_separable, "W1A32", WeightMethod::xnor},
                                               {OperationSet::group_shuffle, "W1A32", WeightMethod::pcnn},
                                               {OperationSet::dense_1bit, "W1A1", WeightMethod::xnor},
                                               {OperationSet::darts_separable, "W1A1", WeightMethod::pcnn}}) {
    SupernetConfig config = small(set, precision);
    config.style.weights.method = method;
    const Pass cpu = pass_on({}, config), here = pass_on(GetParam(), config);
    const bool signs = config.style.precision.binary_inputs;
    EXPECT_NEAR(here.loss, cpu.loss, (signs ? 1e-2 : 1e-4) * cpu.loss) << config.text();
    for (std::size_t i = 0; !signs && i < cpu.gradients.size(); ++i) {
      const auto& [name, want] = cpu.gradients[i];
      const std::vector<float>& got = here.gradients[i].second;
      double most = 1e-3;
      for (const float value : want) {
        most = std::max(most, std::fabs(static_cast<double>(value)));
      }
      for (std::size_t j = 0; j < want.size(); ++j) {
        ASSERT_NEAR(got[j], want[j], 2e-3 * most) << name << "[" << j << "] " << config.text();
      }
    }
  }
}

// Steps are recorded and replayed; what depends on the step must be read anew. The same bits twice, and after a stop.
TEST_P(DifferentiableOnDevice, ASearchRepeatsItselfBitForBit) {
  SyntheticSpec images;
  images.train_count = 26;
  images.test_count = 6;
  images.height = images.width = 6;
  images.channels = 3;
  images.classes = 3;
  DifferentiableConfig config = DifferentiableConfig::preset("pc-darts");
  config.network = small(OperationSet::dense_1bit, "W1A1");
  config.warmup_epochs = 2;
  config.frozen_epochs = 0;
  config.batch_size = config.trial_batch_size = 4;  // three batches recorded and replayed, and a short one
  config.entropy_weight = 0.5F;
  const Train train(make_synthetic_train(images));
  const Valid valid(make_synthetic_test(images));
  std::vector<DifferentiableResult> results;
  for (const bool stopped : {false, true}) {
    const test::Scratch scratch;
    std::atomic<bool> stop{false};
    DifferentiableContext context{.directory = scratch.path(), .stop = &stop};
    context.on_event = [&](const std::string&) { stop = stopped; };
    try {
      results.push_back(DifferentiableSearch(config, train, valid, GetParam()).run(context));
    } catch (const Interrupted&) {
      context.on_event = {};
      stop = false;
      results.push_back(DifferentiableSearch(config, train, valid, GetParam()).run(context));
    }
  }
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].history.size(), 2U);
  EXPECT_EQ(results[1].history, results[0].history);
  EXPECT_EQ(results[1].genotype, results[0].genotype);
}

INSTANTIATE_TEST_SUITE_P(Devices, DifferentiableOnDevice, testing::ValuesIn(available_devices()),
                         [](const auto& parameter) {
                           std::string name = parameter.param.text();
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

}  // namespace
}  // namespace bnas::nas
