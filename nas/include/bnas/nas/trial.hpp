// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bnas/nas/genotype.hpp"

namespace bnas::nas {

enum class TrialStatus : std::uint8_t { queued, running, done, diverged, failed };
const char* trial_status_name(TrialStatus status);
/// Done, diverged or failed: nothing more will happen to it.
bool is_final(TrialStatus status);

/// What one epoch of a child measured.
struct EpochMetrics {
  int epoch = 0;  ///< 1-based
  double train_loss = 0.0;
  double train_accuracy = 0.0;
  double valid_accuracy = 0.0;
  double learning_rate = 0.0;
};

/// What a network costs, from shapes alone.
struct NetworkCost {
  std::int64_t binary_weights = 0;  ///< 1-bit weights
  std::int64_t real_weights = 0;    ///< 32-bit numbers: batch norm, biases
  std::int64_t binary_macs = 0;     ///< per image, both operands +-1
  std::int64_t real_macs = 0;       ///< per image, at least one operand real

  std::int64_t bits() const { return binary_weights + 32 * real_weights; }
  std::int64_t bytes() const { return (bits() + 7) / 8; }
};

/// How long one child trains. The same budget for every trial of a level.
struct Budget {
  int epochs = 1;
  std::int64_t max_images = 0;  ///< training images per epoch; 0: all
  friend bool operator==(const Budget&, const Budget&) = default;
};

/// One evaluation of one architecture. `id` counts from 1 in generation order and names its directory and random
/// stream, so a result does not depend on when or where it ran.
struct Trial {
  std::int64_t id = 0;
  int level = 1;      ///< number of blocks when proposed
  int rank = 1;       ///< 1-based position within its level
  int batch = 1;      ///< 1-based round of ask and tell that it belongs to
  Genotype genotype;  ///< canonical; without blocks where no search space names the network
  std::string text;   ///< SearchSpace::text, or DartsGenotype::text
  Budget budget;
  std::optional<double> predicted;  ///< surrogate's mean when proposed
  TrialStatus status = TrialStatus::queued;
  int attempts = 0;     ///< attempts that failed, and the one that runs or ended; interruptions do not count
  double reward = 0.0;  ///< best-epoch validation accuracy; 0 unless done
  int best_epoch = 0;
  std::vector<EpochMetrics> curve;
  NetworkCost cost;
  double seconds = 0.0;  ///< wall time of training; not part of the history
  std::string message;   ///< why it diverged or failed
};

}  // namespace bnas::nas
