// SPDX-License-Identifier: Apache-2.0
// Training what a differentiable search found: the network's part in it. tests/nas/supervised_trainer_test.cpp has the
// trainer's.
#include "bnas/nas/differentiable/evaluation_task.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "bnas/core/backend.hpp"
#include "bnas/core/data/synthetic.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "bnas/core/io/safetensors.hpp"
#include "bnas/core/step_feed.hpp"
#include "bnas/nas/differentiable/cell_cost.hpp"
#include "bnas/nas/supervised_trainer.hpp"
#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

constexpr RandomKey kKey{5, 0, RandomPurpose::init};

const char* const kSeparable =
    "normal[sep_conv_3x3(1)+skip_connect(0)|max_pool_3x3(0)+dil_conv_3x3(1)|sep_conv_5x5(0)+avg_pool_3x3(2)|"
    "none(0)+dil_conv_5x5(1)] reduce[sep_conv_5x5(1)+max_pool_3x3(0)|skip_connect(1)+sep_conv_3x3(2)|"
    "skip_connect(0)+dil_conv_3x3(3)|avg_pool_3x3(1)+sep_conv_3x3(2)]";
const char* const kDense =
    "normal[dil_dense_3x3(0)+dense_3x3(1)|dense_5x5(2)|max_pool_3x3(3)|dense_3x3(4)] "
    "reduce[dense_3x3(0)+max_pool_3x3(1)|dense_3x3(2)|avg_pool_3x3(3)|dense_3x3(0)]";

ChildContext at(const std::filesystem::path& directory, const std::atomic<bool>* stop = nullptr) {
  return {directory, stop, {}, {}};
}

class EvaluationTaskTest : public testing::Test {
 protected:
  EvaluationTaskTest() {
    images_.train_count = 50;
    images_.test_count = 20;
    images_.height = images_.width = 12;
    images_.channels = 3;
    images_.classes = 3;
    network_.cells = 3;
    network_.channels = 4;
    network_.auxiliary = false;
    config_.recipe.loss = "softmax_cross_entropy";
    config_.recipe.optimizer = "sgd";
    config_.recipe.schedule = {optim::ScheduleKind::cosine, 0.05F, 0.0F};
    config_.recipe.batch_size = 16;
    config_.recipe.grad_clip = 5.0F;
    config_.seed = 3;
    trial_.id = 1;
    trial_.text = kSeparable;
    trial_.budget.epochs = 3;
  }

  EvaluationTask task(const char* genotype = kSeparable) const {
    return {network_, DartsGenotype::parse(genotype), config_, Train(make_synthetic_train(images_)),
            Valid(make_synthetic_test(images_))};
  }
  Trial train(const EvaluationTask& task, const ChildContext& context) const {
    return SupervisedTrainer(task, Train(make_synthetic_train(images_)), Valid(make_synthetic_test(images_)), Device{})
        .train(trial_, context);
  }

  SyntheticSpec images_;
  EvaluationConfig network_;
  TrainerConfig config_;
  Trial trial_;
};

TEST_F(EvaluationTaskTest, StoppedAnywhereItGoesOnBitForBit) {
  const EvaluationTask whole = task();
  const test::Scratch scratch;
  const Trial expected = train(whole, at(scratch.path() / "whole"));
  EXPECT_EQ(expected.status, TrialStatus::done);
  config_.checkpoint_seconds = 0.0;
  const EvaluationTask parts = task();
  Trial result;
  int attempts = 0;
  for (bool done = false; !done; ++attempts) {
    ASSERT_LT(attempts, 100);
    std::atomic<bool> stop{false};
    std::thread timer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5 * attempts));
      stop = true;
    });
    try {
      result = train(parts, at(scratch.path() / "parts", &stop));
      done = true;
    } catch (const Interrupted&) {
    }
    timer.join();
  }
  EXPECT_GT(attempts, 1);
  ASSERT_EQ(result.curve.size(), 3U);
  for (std::size_t e = 0; e < 3; ++e) {
    EXPECT_EQ(result.curve[e].train_loss, expected.curve[e].train_loss);
    EXPECT_EQ(result.curve[e].valid_accuracy, expected.curve[e].valid_accuracy);
  }
  EXPECT_EQ(read_file(scratch.path() / "whole" / "best.safetensors", 1 << 24),
            read_file(scratch.path() / "parts" / "best.safetensors", 1 << 24));
}

TEST_F(EvaluationTaskTest, EverySettingTrainsDifferently) {
  std::set<std::string> fingerprints;
  std::set<double> losses;
  int runs = 0;
  const auto run = [&](auto change) {
    const EvaluationConfig plain = network_;
    change(network_);
    const EvaluationTask changed = task();
    network_ = plain;
    fingerprints.insert(changed.fingerprint());
    const test::Scratch scratch;
    losses.insert(train(changed, at(scratch.path())).curve.back().train_loss);
    ++runs;
  };
  run([](EvaluationConfig&) {});
  run([](EvaluationConfig& c) { c.cells = 2; });
  run([](EvaluationConfig& c) { c.channels = 6; });
  run([](EvaluationConfig& c) { c.stem_multiplier = 2; });
  run([](EvaluationConfig& c) { c.drop_path = 0.0F; });
  run([](EvaluationConfig& c) { c.label_smoothing = 0.1F; });
  run([](EvaluationConfig& c) { c.style.precision = Precision::parse("W32A32"); });
  run([](EvaluationConfig& c) { c.style.precision = Precision::parse("W1A1"); });
  run([](EvaluationConfig& c) { c.style.weights.method = WeightMethod::pcnn; });
  run([](EvaluationConfig& c) { c.style.weights.method = WeightMethod::none; });
  run([](EvaluationConfig& c) { c.style.weights.gradient = XnorGradient::corrected; });
  run([](EvaluationConfig& c) { c.style.cell_skips = true; });
  EXPECT_EQ(fingerprints.size(), static_cast<std::size_t>(runs));
  EXPECT_GE(losses.size(), static_cast<std::size_t>(runs) - 1) << "signs alone and xnor's may agree before norms";
}

/// p_e = drop_path e / E of epoch e = 0, ..., E - 1 (Liu et al. 2019).
TEST_F(EvaluationTaskTest, DropPathGrowsLinearlyFromZero) {
  const auto stream = backend_for({}).make_stream();
  EvaluationNetwork net(*stream, network_, DartsGenotype::parse(kSeparable), kKey);
  EXPECT_FALSE(net.begin_epoch(0, 600)) << "steps that were recorded without stay as they are";
  EXPECT_EQ(net.drop_path(), 0.0F);
  for (const int epoch : {1, 300, 599}) {
    EXPECT_TRUE(net.begin_epoch(epoch, 600));
    EXPECT_NEAR(static_cast<double>(net.drop_path()), 0.3 * epoch / 600, 1e-7);
  }
  EXPECT_FALSE(net.begin_epoch(599, 600));
}

/// Smoothed targets have 1 - s + s / K at the label and s / K elsewhere (Szegedy et al. 2016).
TEST_F(EvaluationTaskTest, LabelSmoothingIsThatOfTheFormula) {
  const auto stream = backend_for({}).make_stream();
  constexpr double kSmoothing = 0.1;
  network_.label_smoothing = 0.1F;
  network_.classes = 3;
  EvaluationNetwork net(*stream, network_, DartsGenotype::parse(kSeparable), kKey);
  std::vector<float> pixels(2 * 12 * 12 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = 2.0F * RandomKey{7}.uniform(i) - 1.0F;
  }
  const Tensor images = Tensor::from_host(*stream, {2, 12, 12, 3}, std::span<const float>(pixels));
  const std::vector<std::int32_t> classes{2, 0};
  const Tensor labels = Tensor::from_host(*stream, {2}, std::span<const std::int32_t>(classes));
  const ChildNetwork::Pass pass = net.differentiate(images, labels, step_tensor(*stream, {}));
  const std::vector<float> y = pass.logits.to_host(*stream);
  double loss = 0.0;
  for (std::size_t n = 0; n < 2; ++n) {
    double sum = 0.0;
    for (std::size_t k = 0; k < 3; ++k) {
      sum += std::exp(static_cast<double>(y[3 * n + k]));
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const double target = kSmoothing / 3.0 + (static_cast<std::int32_t>(k) == classes[n] ? 1.0 - kSmoothing : 0.0);
      loss -= target * (static_cast<double>(y[3 * n + k]) - std::log(sum)) / 2.0;
    }
  }
  EXPECT_NEAR(static_cast<double>(pass.loss.to_host(*stream)[0]), loss, 1e-5 * loss);
}

/// A convolution's weights and multiply-adds, counted by hand for two cells of 4 channels without reductions.
TEST_F(EvaluationTaskTest, CostsAreThoseOfTheLayers) {
  network_.cells = 2;
  network_.style.binary_preprocess = true;
  const char* genotype =
      "normal[sep_conv_3x3(0)|skip_connect(0)|max_pool_3x3(1)|dil_conv_5x5(1)] "
      "reduce[skip_connect(0)|skip_connect(0)|skip_connect(0)|skip_connect(0)]";
  const NetworkCost cost = task(genotype).cost({});
  // Cells have inputs of 12 and 12, then 12 and 16 channels: preprocess. Two units of 9 + 4 per channel, one of 25 + 4.
  const std::int64_t binary = (12 + 12 + 12 + 16) * 4 + 2 * 4 * (2 * (9 + 4) + 25 + 4);
  // Stem 3x3 of 3 to 12, its norm, classifier 16 to 3 with biases, and norms of 4: two inputs, and two for each unit.
  const std::int64_t real = 27 * 12 + 2 * 12 + 16 * 3 + 3 + 2 * (2 + 3 * 2) * 2 * 4;
  EXPECT_EQ(cost.binary_weights, binary);
  EXPECT_EQ(cost.real_weights, real);
  EXPECT_EQ(cost.binary_macs, 0) << "activations are real";
  EXPECT_EQ(cost.real_macs, (27 * 12 + binary) * 144 + 16 * 3);
  network_.style.precision = Precision::parse("W1A1");
  const std::int64_t inner = 2 * 4 * (2 * (9 + 4) + 25 + 4) * 144;
  EXPECT_EQ(task(genotype).cost({}).binary_macs, inner);
}

/// What is exported for use computes the same as latent weights: bits times scales are the weights of the network.
TEST_F(EvaluationTaskTest, PackedWeightsAreSignsWithTheirScales) {
  const auto stream = backend_for({}).make_stream();
  network_.style.operations = OperationSet::dense_1bit;
  EvaluationNetwork net(*stream, network_, DartsGenotype::parse(kDense), kKey);
  std::map<std::string, std::vector<float>> latent, packed;
  std::map<std::string, std::int64_t> filter;
  net.parameters([&](const nn::Parameter& p) {
    latent[p.name] = p.value.to_host(*stream);
    filter[p.name] = p.role == nn::ParamRole::latent_binary ? p.value.numel() / p.value.shape()[0] : 0;
  });
  net.packed([&](const std::string& name, const Tensor& tensor) { packed[name] = tensor.to_host(*stream); });
  int binary = 0;
  for (const auto& [name, values] : latent) {
    if (filter[name] == 0) {
      EXPECT_EQ(packed.at(name), values) << name;
      continue;
    }
    ++binary;
    const std::vector<float>& bits = packed.at(name + "_bits");
    const std::vector<float>& scales = packed.at(name + "_scale");  // no norm follows a dense unit's convolution
    const auto n = static_cast<std::size_t>(filter[name]);
    for (std::size_t f = 0; f < scales.size(); ++f) {
      double mean = 0.0;
      for (std::size_t i = 0; i < n; ++i) {
        mean += std::fabs(static_cast<double>(values[f * n + i])) / static_cast<double>(n);
        EXPECT_EQ(bits[f * n + i], values[f * n + i] < 0.0F ? -1.0F : 1.0F) << name;
      }
      EXPECT_NEAR(static_cast<double>(scales[f]), mean, 1e-5) << name;
    }
  }
  EXPECT_GT(binary, 10);
  network_.style.operations = OperationSet::darts_separable;
  EvaluationNetwork normed(*stream, network_, DartsGenotype::parse(kSeparable), kKey);
  normed.packed([&](const std::string& name, const Tensor&) {
    EXPECT_FALSE(name.ends_with("_scale")) << name << ": a norm divides by it again, and running statistics know";
  });
}

TEST_F(EvaluationTaskTest, MemoryIsForetold) {
  constexpr double kLibraries = 64.0 * 1024.0 * 1024.0;  // that a CPU does not need
  images_.height = images_.width = 32;
  for (const auto& [precision, channels, batch, most] :
       {std::tuple{"W32A32", 16, 16, 2.2}, {"W1A32", 16, 16, 2.2}, {"W1A1", 16, 16, 4.0}, {"W1A32", 8, 32, 2.2}}) {
    network_.style.precision = Precision::parse(precision);
    network_.channels = channels;
    network_.auxiliary = true;
    config_.recipe.batch_size = batch;
    trial_.budget.epochs = 2;
    const test::Scratch scratch;
    const Stream* seen = nullptr;
    double used = 0.0;
    ChildContext context = at(scratch.path());
    context.on_stream = [&](const Stream* stream) {
      if (stream == nullptr) {
        const MemoryStats memory = seen->memory();
        used = static_cast<double>(memory.in_use + memory.cached);
      }
      seen = stream;
    };
    const EvaluationTask small = task();
    train(small, context);
    const double foretold = static_cast<double>(small.memory({})) - kLibraries;
    EXPECT_GE(foretold, used) << precision << " " << channels;
    EXPECT_LE(foretold, most * used) << precision << " " << channels;
  }
}

TEST_F(EvaluationTaskTest, RefusesWhatCannotWork) {
  EXPECT_THROW(task(kDense), Error) << "operations of another set";
  network_.auxiliary = true;
  try {
    task();
    FAIL() << "12 pixels leave 3 at the second reduction";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find("auxiliary"), std::string::npos);
  }
  images_.height = images_.width = 28;
  EXPECT_NO_THROW(task()) << "7 pixels are enough";
  network_.drop_path = 1.0F;
  EXPECT_THROW(task(), Error);
}

}  // namespace
}  // namespace bnas::nas
