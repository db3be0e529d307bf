// SPDX-License-Identifier: Apache-2.0
// Training what a differentiable search found on every device of the machine, against the CPU.
#include <gtest/gtest.h>

#include <algorithm>

#include "bnas/core/backend.hpp"
#include "bnas/core/data/synthetic.hpp"
#include "bnas/nas/differentiable/evaluation_task.hpp"
#include "bnas/nas/supervised_trainer.hpp"
#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

const char* const kGenotype =
    "normal[sep_conv_3x3(1)+skip_connect(0)|max_pool_3x3(0)|dil_conv_3x3(1)|avg_pool_3x3(0)] "
    "reduce[sep_conv_3x3(0)|skip_connect(1)|max_pool_3x3(0)|none(1)]";

class EvaluationOnDevice : public testing::TestWithParam<Device> {
 protected:
  EvaluationOnDevice() {
    images_.train_count = 10;  // two batches, recorded and replayed, and a short one
    images_.test_count = 6;
    images_.height = images_.width = 8;
    images_.channels = 3;
    images_.classes = 3;
    network_.cells = 3;
    network_.channels = 4;
    network_.stem_multiplier = 1;
    network_.auxiliary = false;
    network_.label_smoothing = 0.1F;
    config_.recipe.optimizer = "sgd";
    config_.recipe.schedule = {optim::ScheduleKind::cosine, 0.05F, 0.0F};
    config_.recipe.batch_size = 4;
    config_.recipe.grad_clip = 5.0F;
    config_.recipe.batch.augment = {
        .shift = 1, .flip = true, .brightness = 40, .contrast = 40, .saturation = 40, .hue = 20};
  }

  /// The curve of three epochs; `stops`: after each epoch it is stopped and goes on.
  std::vector<EpochMetrics> train(Device device, bool stops) {
    const Train train(make_synthetic_train(images_));
    const Valid valid(make_synthetic_test(images_));
    const EvaluationTask task(network_, DartsGenotype::parse(kGenotype), config_, train, valid);
    SupervisedTrainer trainer(task, train, valid, device);
    Trial trial;
    trial.id = 1;
    trial.text = kGenotype;
    trial.budget.epochs = 3;
    const test::Scratch scratch;
    seen_ = 0;
    for (;;) {
      std::atomic<bool> stop{false};
      ChildContext context{scratch.path(), &stop, {}, {}};
      context.on_epoch = [&](const EpochMetrics& m) {
        stop = stops && m.epoch > seen_;
        seen_ = std::max(seen_, m.epoch);
      };
      try {
        return trainer.train(trial, context).curve;
      } catch (const Interrupted&) {
      }
    }
  }

  SyntheticSpec images_;
  EvaluationConfig network_;
  TrainerConfig config_;
  int seen_ = 0;  // epochs
};

// Steps are recorded anew when the rate of drop path changes.
TEST_P(EvaluationOnDevice, ATrainingRepeatsItselfBitForBit) {
  for (const auto& [precision, method] : {std::pair{"W1A32", WeightMethod::xnor}, {"W1A1", WeightMethod::pcnn}}) {
    network_.style.precision = Precision::parse(precision);
    network_.style.weights.method = method;
    const std::vector<EpochMetrics> whole = train(GetParam(), false), parts = train(GetParam(), true);
    ASSERT_EQ(whole.size(), 3U);
    ASSERT_EQ(parts.size(), 3U);
    for (std::size_t e = 0; e < whole.size(); ++e) {
      EXPECT_EQ(parts[e].train_loss, whole[e].train_loss) << precision << " epoch " << e + 1;
      EXPECT_EQ(parts[e].valid_accuracy, whole[e].valid_accuracy) << precision << " epoch " << e + 1;
    }
  }
}

// Of real networks, whose values rounding does not turn over.
TEST_P(EvaluationOnDevice, LossesAreThoseOfTheCpu) {
  network_.style.precision = Precision::parse("W32A32");
  const std::vector<EpochMetrics> cpu = train({}, false), here = train(GetParam(), false);
  for (std::size_t e = 0; e < cpu.size(); ++e) {
    EXPECT_NEAR(here[e].train_loss, cpu[e].train_loss, 2e-3 * cpu[e].train_loss) << "epoch " << e + 1;
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, EvaluationOnDevice, testing::ValuesIn(available_devices()),
                         [](const auto& parameter) {
                           std::string name = parameter.param.text();
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

}  // namespace
}  // namespace bnas::nas
