// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "bnas/nas/child_trainer.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::test {

/// Stands in for training: the reward is a function of the cell plus noise of (seed, trial id); epochs approach it.
/// Writes one small checkpoint per epoch and continues from it.
class ToyTrainer final : public nas::ChildTrainer {
 public:
  explicit ToyTrainer(std::uint64_t seed = 1) : seed_(seed) {}

  /// Called before each epoch (1-based) is computed: may throw, sleep or count.
  std::function<void(const nas::Trial&, int epoch)> before_epoch;
  /// Trials that return diverged after their first epoch.
  std::function<bool(const nas::Trial&)> diverges;

  std::string fingerprint() const override { return "toy " + std::to_string(seed_); }

  nas::NetworkCost cost(const nas::Genotype& genotype) const override {
    const auto blocks = static_cast<std::int64_t>(genotype.blocks.size());
    return {1000 * blocks, 10 * blocks, 20000 * blocks, 500 * blocks};
  }

  /// Between 0 and 1; later operators and earlier blocks as inputs are better, with an interaction.
  static double quality(const nas::Genotype& genotype) {
    double sum = 0.0;
    for (const nas::Block& b : genotype.blocks) {
      sum += 1.0 * b.op0 + 1.5 * b.op1 + 0.25 * b.in0 + 0.5 * b.in1 + (b.op0 != b.op1 ? 0.75 : 0.0);
    }
    return 1.0 / (1.0 + std::exp(-0.3 * sum / static_cast<double>(genotype.blocks.size())));
  }

  nas::Trial train(const nas::Trial& trial, const nas::ChildContext& context) override {
    nas::Trial result = trial;
    result.curve = load(context.directory / "state");
    const RandomKey key{seed_, static_cast<std::uint64_t>(trial.id), RandomPurpose::synthetic};
    for (int epoch = static_cast<int>(result.curve.size()) + 1; epoch <= trial.budget.epochs; ++epoch) {
      if (*context.stop) {
        throw nas::Interrupted();
      }
      if (before_epoch) {
        before_epoch(trial, epoch);
      }
      if (diverges && diverges(trial)) {
        result.status = nas::TrialStatus::diverged;
        result.message = "loss is nan in epoch " + std::to_string(epoch);
        return result;
      }
      const double noise = 0.02 * (key.uniform(static_cast<std::uint64_t>(epoch)) - 0.5);
      const double accuracy = quality(trial.genotype) * (1.0 - std::exp2(-epoch)) + noise;
      result.curve.push_back({epoch, 1.0 - accuracy, accuracy + 0.01, accuracy, 1e-3 / epoch});
      save(context.directory / "state", result.curve);
      context.on_epoch(result.curve.back());
    }
    result.status = nas::TrialStatus::done;
    for (const nas::EpochMetrics& m : result.curve) {
      if (result.best_epoch == 0 || m.valid_accuracy > result.reward) {
        result.best_epoch = m.epoch;
        result.reward = m.valid_accuracy;
      }
    }
    return result;
  }

 private:
  static std::vector<nas::EpochMetrics> load(const std::filesystem::path& file) {
    std::vector<nas::EpochMetrics> curve;
    std::ifstream in(file, std::ios::binary);
    nas::EpochMetrics m;
    while (in.read(reinterpret_cast<char*>(&m), sizeof(m))) {
      curve.push_back(m);
    }
    return curve;
  }

  static void save(const std::filesystem::path& file, const std::vector<nas::EpochMetrics>& curve) {
    const std::filesystem::path temporary = file.string() + ".tmp";
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    for (const nas::EpochMetrics& m : curve) {
      nas::EpochMetrics padded;
      std::memset(static_cast<void*>(&padded), 0, sizeof(padded));
      padded.epoch = m.epoch;
      padded.train_loss = m.train_loss;
      padded.train_accuracy = m.train_accuracy;
      padded.valid_accuracy = m.valid_accuracy;
      padded.learning_rate = m.learning_rate;
      out.write(reinterpret_cast<const char*>(&padded), sizeof(padded));
    }
    out.close();
    std::filesystem::rename(temporary, file);
  }

  std::uint64_t seed_;
};

}  // namespace bnas::test
