// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/supervised_trainer.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <thread>

#include "bnas/core/data/catalog.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/safetensors.hpp"
#include "bnas/nas/cell_task.hpp"
#include "support/recorded_trace.hpp"
#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

namespace fs = std::filesystem;

/// A small but complete trainer: 10x10 images of 3 classes, two cells.
class SupervisedTrainerTest : public testing::Test {
 protected:
  SupervisedTrainerTest() {
    data_.name = "synthetic";
    data_.synthetic = {.train_count = 1050, .test_count = 60, .height = 10, .width = 10, .classes = 3, .noise = 90};
    data_.split.valid_count = 90;
    network_.cells = 2;
    network_.filters = {6, 8};
    network_.dense = {3};
    config_.recipe.batch_size = 32;
    config_.recipe.schedule.lr_start = 1e-2F;  // few steps
    config_.seed = 5;
    trial_.id = 3;
    trial_.genotype = Genotype{{{-1, 0, -1, 1}}};
    trial_.text = space_.text(trial_.genotype);
    trial_.budget.epochs = 3;
  }

  SupervisedTrainer make_trainer() {
    const TrainValid parts = load_train_valid(data_);
    tasks_.push_back(std::make_unique<CellTask>(space_, registry_, network_, config_, parts.train, parts.valid));
    return {*tasks_.back(), parts.train, parts.valid, Device{}};
  }
  ChildContext child(const std::string& name) const { return {root_ / name, nullptr, {}, {}}; }

  const test::Scratch scratch_;
  const fs::path root_ = scratch_.path();
  const OperationRegistry registry_ = OperationRegistry::builtin();
  const SearchSpace space_{SpaceConfig::pnas({"3x3 bconv", "3x3 sep-bconv", "3x3 maxpool"}, 1)};
  DataConfig data_;
  NetworkConfig network_;
  TrainerConfig config_;
  Trial trial_;
  std::vector<std::unique_ptr<CellTask>> tasks_;  // of the trainers
};

Bytes best_of(const fs::path& directory) { return read_file(directory / "best.safetensors", 1 << 24); }

void expect_same_result(const Trial& a, const Trial& b) {
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.reward, b.reward);
  EXPECT_EQ(a.best_epoch, b.best_epoch);
  ASSERT_EQ(a.curve.size(), b.curve.size());
  for (std::size_t e = 0; e < a.curve.size(); ++e) {
    EXPECT_EQ(a.curve[e].train_loss, b.curve[e].train_loss) << "epoch " << e + 1;
    EXPECT_EQ(a.curve[e].train_accuracy, b.curve[e].train_accuracy) << "epoch " << e + 1;
    EXPECT_EQ(a.curve[e].valid_accuracy, b.curve[e].valid_accuracy) << "epoch " << e + 1;
    EXPECT_EQ(a.curve[e].learning_rate, b.curve[e].learning_rate) << "epoch " << e + 1;
  }
}

TEST_F(SupervisedTrainerTest, RewardIsTheBestEpochsValidationAccuracy) {
  auto trainer = make_trainer();
  std::vector<int> epochs;
  ChildContext context = child("a");
  context.on_epoch = [&](const EpochMetrics& m) { epochs.push_back(m.epoch); };
  const Trial result = trainer.train(trial_, context);
  EXPECT_EQ(result.status, TrialStatus::done);
  EXPECT_THAT(epochs, testing::ElementsAre(1, 2, 3));
  double best = 0.0;
  for (const EpochMetrics& m : result.curve) {
    best = std::max(best, m.valid_accuracy);
  }
  EXPECT_EQ(result.reward, best);
  EXPECT_EQ(result.curve[static_cast<std::size_t>(result.best_epoch - 1)].valid_accuracy, best);
  EXPECT_GT(result.reward, 0.6) << "three classes of prototypes with noise are easily learned";
  EXPECT_FLOAT_EQ(static_cast<float>(result.curve[0].learning_rate), 1e-2F);
  EXPECT_EQ(result.cost.binary_weights, trainer.cost(trial_.genotype).binary_weights);
}

TEST_F(SupervisedTrainerTest, InterruptedAnywhereItContinuesBitForBit) {
  auto trainer = make_trainer();
  const Trial whole = trainer.train(trial_, child("whole"));
  // Stops at every batch: each attempt adds a single batch, then checkpoints and leaves.
  config_.checkpoint_seconds = 0.0;
  auto stopping = make_trainer();
  std::atomic<bool> stop{false};
  ChildContext context = child("parts");
  context.stop = &stop;
  Trial result;
  int attempts = 0;
  for (bool done = false; !done; ++attempts) {
    ASSERT_LT(attempts, 100);
    stop = false;
    // The stop flag rises while the child runs; wherever it is seen, the state on disk must continue exactly.
    std::thread timer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(attempts));
      stop = true;
    });
    try {
      result = stopping.train(trial_, context);
      done = true;
    } catch (const Interrupted&) {
    }
    timer.join();
  }
  EXPECT_GT(attempts, 1);
  expect_same_result(whole, result);
  EXPECT_EQ(best_of(root_ / "whole"), best_of(root_ / "parts"));
}

TEST_F(SupervisedTrainerTest, AFinishedChildKeepsLittleAndIsNotTrainedAgain) {
  auto trainer = make_trainer();
  const Trial first = trainer.train(trial_, child("a"));
  for (const auto& entry : fs::directory_iterator(root_ / "a")) {
    if (entry.path().filename().string().starts_with("checkpoint")) {
      EXPECT_LT(entry.file_size(), 4096U) << "optimizer slots of a finished child";
    }
  }
  std::atomic<bool> stop{true};  // a single batch more would be refused
  ChildContext context = child("a");
  context.stop = &stop;
  expect_same_result(first, trainer.train(trial_, context));
}

TEST_F(SupervisedTrainerTest, ConcurrentChildrenDoNotInfluenceEachOther) {
  auto trainer = make_trainer();
  const Trial alone = trainer.train(trial_, child("alone"));
  std::vector<Trial> results(3);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&, t] {
      Trial other = trial_;
      other.id = t == 1 ? trial_.id : 100 + static_cast<std::int64_t>(t);
      results[t] = trainer.train(other, child("concurrent" + std::to_string(t)));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  expect_same_result(alone, results[1]);
  EXPECT_NE(alone.curve[0].train_loss, results[0].curve[0].train_loss) << "another trial has other random numbers";
}

TEST_F(SupervisedTrainerTest, AnotherSeedIsAnotherResult) {
  auto trainer = make_trainer();
  const Trial first = trainer.train(trial_, child("a"));
  config_.seed = 6;
  auto other = make_trainer();
  EXPECT_NE(first.curve[0].train_loss, other.train(trial_, child("b")).curve[0].train_loss);
  EXPECT_NE(trainer.fingerprint(), other.fingerprint());
}

TEST_F(SupervisedTrainerTest, ABudgetOfImagesShortensEpochs) {
  auto trainer = make_trainer();
  const Trial full = trainer.train(trial_, child("full"));
  trial_.budget.max_images = 40;
  const Trial part = trainer.train(trial_, child("part"));
  EXPECT_NE(full.curve[0].train_loss, part.curve[0].train_loss);
  // 40 images: training accuracy comes in fortieths
  const double fortieths = part.curve[0].train_accuracy * 40;
  EXPECT_NEAR(fortieths, std::round(fortieths), 1e-9);
}

TEST_F(SupervisedTrainerTest, ExplodingWeightsMarkTheChildDiverged) {
  config_.recipe.schedule = {optim::ScheduleKind::constant, 1e6F, 1e6F};
  config_.recipe.optimizer = "sgd";
  config_.recipe.step.latent_clip = 0.0F;
  config_.recipe.momentum = 1.0F;
  config_.recipe.weight_decay = 1.0F;
  trial_.budget.epochs = 40;
  auto trainer = make_trainer();
  const Trial result = trainer.train(trial_, child("a"));
  EXPECT_EQ(result.status, TrialStatus::diverged);
  EXPECT_EQ(result.reward, 0.0);
  EXPECT_THAT(result.message, testing::HasSubstr("not finite in epoch"));
  expect_same_result(result, trainer.train(trial_, child("a")));
}

TEST_F(SupervisedTrainerTest, MeasureAndExportUseTheBestEpochsWeights) {
  auto trainer = make_trainer();
  const Trial result = trainer.train(trial_, child("a"));
  const double accuracy = trainer.measure(result, child("a"), load_test(data_));
  EXPECT_GT(accuracy, 0.6);
  trainer.export_best(result, root_ / "a", root_ / "best");
  const TensorFile packed = read_tensors(root_ / "best" / "weights.safetensors");
  std::int64_t bits = 0;
  for (const auto& [name, tensor] : packed.tensors) {
    if (name.ends_with("_bits")) {
      EXPECT_EQ(tensor.type, StoredType::u8);
      bits += static_cast<std::int64_t>(tensor.bytes.size()) * 8;
    }
  }
  EXPECT_GE(bits, result.cost.binary_weights);
  EXPECT_EQ(read_tensors(root_ / "best" / "latent.safetensors").tensors.size(), packed.tensors.size());
}

TEST_F(SupervisedTrainerTest, ADamagedCheckpointIsAnErrorNotAResult) {
  auto trainer = make_trainer();
  trainer.train(trial_, child("a"));
  int damaged = 0;
  for (const auto& entry : fs::directory_iterator(root_ / "a")) {
    if (entry.path().filename().string().starts_with("checkpoint")) {
      std::ofstream(entry.path(), std::ios::trunc) << "not a checkpoint";
      ++damaged;
    }
  }
  ASSERT_EQ(damaged, 2);
  try {
    trainer.train(trial_, child("a"));
    FAIL() << "a damaged checkpoint was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
  }
}

TEST_F(SupervisedTrainerTest, OneDamagedGenerationIsPassedOverWithAWarning) {
  auto trainer = make_trainer();
  const Trial first = trainer.train(trial_, child("a"));
  std::ofstream(root_ / "a" / "checkpoint-A.safetensors", std::ios::trunc) << "not a checkpoint";
  std::vector<std::string> warnings;
  ChildContext context = child("a");
  context.on_warning = [&](const std::string& text) { warnings.push_back(text); };
  expect_same_result(first, trainer.train(trial_, context));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], testing::HasSubstr("checkpoint-A"));
}

/// Every choice of a layer makes another training, which is deterministic, learns, and has a fingerprint of its own.
TEST_F(SupervisedTrainerTest, EveryChoiceOfLayersTrains) {
  network_.dense = {12, 3};
  trial_.budget.epochs = 2;
  std::set<std::string> fingerprints;
  std::set<double> losses;
  int runs = 0;
  const auto run = [&](const std::function<void(NetworkConfig&, TrainerConfig&)>& change) {
    const TrainerConfig plain = config_;
    const NetworkConfig plain_network = network_;
    change(network_, config_);
    auto trainer = make_trainer();
    config_ = plain;
    network_ = plain_network;
    fingerprints.insert(trainer.fingerprint());
    const std::string name = std::to_string(++runs);
    const Trial first = trainer.train(trial_, child(name + "a"));
    expect_same_result(first, trainer.train(trial_, child(name + "b")));
    EXPECT_GT(first.reward, 0.5) << "run " << runs << ": three classes of prototypes are easily learned";
    EXPECT_DOUBLE_EQ(trainer.measure(first, child(name + "a"), load_test(data_)),
                     trainer.measure(first, child(name + "b"), load_test(data_)));
    losses.insert(first.curve[0].train_loss);
    trainer.export_best(first, root_ / (name + "a"), root_ / (name + "best"));
  };
  run([](NetworkConfig&, TrainerConfig&) {});
  run([](NetworkConfig& n, TrainerConfig&) { n.dropout_input = 0.2F; });
  run([](NetworkConfig& n, TrainerConfig&) { n.dropout_hidden = 0.2F; });
  run([](NetworkConfig& n, TrainerConfig&) {
    n.dropout_hidden = 0.2F;
    n.dropout_rescale = true;
  });
  run([](NetworkConfig& n, TrainerConfig&) { n.activation = Activation::relu; });
  run([](NetworkConfig& n, TrainerConfig&) { n.activation = Activation::identity; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.layers.xnor_scale = true; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.layers.batch_norm.momentum = 0.5F; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.layers.batch_norm.eps = 1e-2F; });
  run([](NetworkConfig& n, TrainerConfig&) { n.norm_axis = nn::NormAxis::row; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.batch.offset = 2.0F; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.batch.augment.shift = 1; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.batch.augment.flip = true; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.batch.augment.cutout = 3; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.batch.augment.rotation = 10; });
  run([](NetworkConfig&, TrainerConfig& c) { c.recipe.batch.augment.crop = 20; });
  EXPECT_EQ(fingerprints.size(), static_cast<std::size_t>(runs));
  EXPECT_EQ(losses.size(), static_cast<std::size_t>(runs) - 1) << "all but the momentum of running statistics";
  // Whoever multiplies bits needs the scales.
  const TensorFile scaled = read_tensors(root_ / "7best" / "weights.safetensors");
  int scales = 0;
  for (const auto& [name, tensor] : scaled.tensors) {
    scales += name.ends_with("_scale") ? 1 : 0;
    EXPECT_EQ(name.ends_with("_bits"), scaled.tensors.contains(name.substr(0, name.size() - 5) + "_scale")) << name;
  }
  EXPECT_GT(scales, 0);
}

TEST_F(SupervisedTrainerTest, WithoutValidationTheLastEpochCounts) {
  data_.split.valid_count = 0;
  EXPECT_THROW(make_trainer(), Error) << "a search needs images to choose by";
  config_.hold_out = false;
  config_.keep_last = true;
  auto trainer = make_trainer();
  const Trial result = trainer.train(trial_, child("a"));
  EXPECT_EQ(result.status, TrialStatus::done);
  EXPECT_EQ(result.best_epoch, 3);
  EXPECT_EQ(result.reward, result.curve.back().train_accuracy);
  EXPECT_TRUE(std::isnan(result.curve[0].valid_accuracy));
  EXPECT_EQ(best_of(root_ / "a"), read_file(root_ / "a" / "last.safetensors", 1 << 24));
  EXPECT_GT(trainer.measure(result, child("a"), load_test(data_)), 0.6);
  data_.split.valid_count = 90;
  EXPECT_THROW(make_trainer(), Error) << "validation images would be lost";
}

TEST_F(SupervisedTrainerTest, LastWeightsAreKeptOnDemand) {
  auto plain = make_trainer();
  plain.train(trial_, child("plain"));
  EXPECT_FALSE(fs::exists(root_ / "plain" / "last.safetensors"));
  config_.keep_last = true;
  auto trainer = make_trainer();
  EXPECT_EQ(trainer.fingerprint(), plain.fingerprint()) << "it changes no result";
  const Trial result = trainer.train(trial_, child("kept"));
  trainer.export_best(result, root_ / "kept", root_ / "out");
  const TensorFile last = read_tensors(root_ / "out" / "last-latent.safetensors");
  EXPECT_EQ(last.tensors == read_tensors(root_ / "out" / "latent.safetensors").tensors, result.best_epoch == 3);
  EXPECT_EQ(read_tensors(root_ / "kept" / "last.safetensors").metadata.at("epoch"), "3");
}

TEST_F(SupervisedTrainerTest, RefusesWhatCannotWork) {
  network_.dense = {4};  // three classes
  EXPECT_THROW(make_trainer(), Error);
  network_.dense = {3};
  config_.recipe.loss = "squared_hinges";
  EXPECT_THROW(make_trainer(), Error);
}

TEST_F(SupervisedTrainerTest, MemoryIsForetold) {
  constexpr double kLibraries = 64.0 * 1024.0 * 1024.0;  // that a CPU does not need
  const std::vector<std::function<void(NetworkConfig&, TrainerConfig&)>> choices{
      [](NetworkConfig&, TrainerConfig& c) { c.recipe.batch_size = 32; },
      [](NetworkConfig&, TrainerConfig& c) { c.recipe.batch_size = 128; },
      [](NetworkConfig& n, TrainerConfig&) { n.activation = Activation::relu; },
      [](NetworkConfig&, TrainerConfig& c) { c.recipe.layers.xnor_scale = true; },
      [](NetworkConfig& n, TrainerConfig&) { n.dropout_input = 0.5F; },
      [](NetworkConfig& n, TrainerConfig&) { n.norm_axis = nn::NormAxis::row; },
  };
  for (std::size_t choice = 0; choice < choices.size(); ++choice) {
    for (const Block block : {Block{-1, 0, -1, 1}, Block{-1, 2, -2, 2}, Block{-1, 1, -1, 1}}) {
      config_.recipe = {};
      network_ = {};
      network_.cells = 2;
      network_.dense = {3};
      network_.filters = {64, 128};
      choices[choice](network_, config_);
      trial_.genotype = Genotype{{block}};
      trial_.text = space_.text(trial_.genotype);
      trial_.budget.epochs = 1;
      auto trainer = make_trainer();
      const Stream* seen = nullptr;
      double used = 0.0;
      ChildContext context = child(fmt::format("{}.{}", choice, trial_.text));
      context.on_stream = [&](const Stream* stream) {
        if (stream == nullptr) {
          const MemoryStats memory = seen->memory();
          used = static_cast<double>(memory.in_use + memory.cached);
        }
        seen = stream;
      };
      trainer.train(trial_, context);
      const double foretold = static_cast<double>(tasks_.back()->memory(trial_.genotype)) - kLibraries;
      EXPECT_GE(foretold, used) << choice << " " << trial_.text;
      EXPECT_LE(foretold, 1.9 * used) << choice << " " << trial_.text;
    }
  }
}

TEST_F(SupervisedTrainerTest, StartsFromSavedWeights) {
  auto trainer = make_trainer();
  const Trial first = trainer.train(trial_, child("first"));
  trainer.export_best(trial_, root_ / "first", root_ / "out");
  const std::string plain = trainer.fingerprint();
  config_.start = std::make_shared<SavedWeights>(read_saved_weights(root_ / "out" / "latent.safetensors"));
  config_.recipe.schedule.lr_start = config_.recipe.schedule.lr_end = 1e-9F;  // nothing moves but running statistics
  trial_.budget.epochs = 1;
  auto going_on = make_trainer();
  tasks_.back()->require_start(trial_.genotype);
  const Trial second = going_on.train(trial_, child("second"));
  EXPECT_LT(second.curve[0].train_loss, first.curve[0].train_loss);
  EXPECT_NE(going_on.fingerprint(), plain);
  const TensorFile before = read_tensors(root_ / "out" / "latent.safetensors");
  const TensorFile after = read_tensors(root_ / "second" / "best.safetensors");
  for (const auto& [name, tensor] : before.tensors) {
    if (name.find("running") != std::string::npos) {
      continue;
    }
    const auto floats = [](const StoredTensor& t) { return reinterpret_cast<const float*>(t.bytes.data()); };
    ASSERT_EQ(tensor.bytes.size(), after.tensors.at(name).bytes.size());
    for (std::size_t i = 0; i < tensor.bytes.size() / sizeof(float); ++i) {
      ASSERT_NEAR(floats(tensor)[i], floats(after.tensors.at(name))[i], 1e-6F) << name;
    }
  }
}

TEST_F(SupervisedTrainerTest, RefusesWeightsOfAnotherNetwork) {
  auto trainer = make_trainer();
  trial_.budget = {1, 32};
  trainer.train(trial_, child("a"));
  trainer.export_best(trial_, root_ / "a", root_ / "out");
  const auto refusal = [&](const std::function<void(SavedWeights&)>& change, const Genotype& cell) -> std::string {
    auto weights = std::make_shared<SavedWeights>(read_saved_weights(root_ / "out" / "latent.safetensors"));
    change(*weights);
    config_.start = weights;
    try {
      make_trainer();
      tasks_.back()->require_start(cell);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "";
  };
  const auto as_is = [](SavedWeights&) {};
  EXPECT_EQ(refusal(as_is, trial_.genotype), "");
  EXPECT_THAT(refusal(as_is, Genotype{{{-1, 0, -1, 0}}}),
              testing::AllOf(testing::HasSubstr("another network"), testing::HasSubstr(trial_.text)));
  EXPECT_THAT(
      refusal([](SavedWeights& w) { w.file.tensors["extra"] = w.file.tensors.begin()->second; }, trial_.genotype),
      testing::HasSubstr("'extra' has no place here"));
  EXPECT_THAT(refusal([](SavedWeights& w) { w.file.tensors.begin()->second.shape.push_back(1); }, trial_.genotype),
              testing::HasSubstr("is needed"));
  EXPECT_THAT(refusal([](SavedWeights& w) { w.file.tensors.begin()->second.type = StoredType::i32; }, trial_.genotype),
              testing::HasSubstr("I32"));
  EXPECT_THAT(
      refusal([&](SavedWeights& w) { w = read_saved_weights(root_ / "out" / "weights.safetensors"); }, trial_.genotype),
      testing::HasSubstr("latent.safetensors"));
  EXPECT_THROW(read_saved_weights(root_ / "none"), Error);
}

TEST_F(SupervisedTrainerTest, ProfilersSeeEpochsStepsAndCheckpoints) {
  trial_.budget = {2, 40};  // two batches of 32 and 8 images
  auto trainer = make_trainer();
  const test::RecordedTrace trace;
  trainer.train(trial_, child("a"));
  EXPECT_THAT(trace.lines(), testing::ElementsAre("epoch 0", "  step 0", "  step 1", "  checkpoint 1", "epoch 1",
                                                  "  step 0", "  step 1", "  checkpoint 2",
                                                  "  checkpoint 2"));  // a finished child keeps two generations
  EXPECT_EQ(trace.open(), 0);
}

}  // namespace
}  // namespace bnas::nas
