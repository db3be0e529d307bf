// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bnas/core/optim/schedule.hpp"
#include "bnas/nas/differentiable/darts_genotype.hpp"
#include "bnas/nas/differentiable/reduction.hpp"
#include "bnas/nas/differentiable/supernet_config.hpp"
#include "bnas/portable/augment.hpp"

namespace bnas::nas {

/// What becomes of a trial's accuracy before the reduction is told.
enum class ScoreMethod : std::uint8_t {
  accuracy,
  parent_child,  ///< of a real network of the same architecture too: weight * (parent - child) + child (CP-NAS)
  penalized,     ///< less what size and operations beyond a target cost
};

const char* score_method_name(ScoreMethod method);
/// "accuracy", "parent-child" or "penalized"; else a `usage` Error with the nearest name.
ScoreMethod parse_score_method(std::string_view name);

struct ScoreRule {
  ScoreMethod method = ScoreMethod::accuracy;
  double parent_weight = 2.0;
  double target_kilobytes = 0.0, kilobyte_penalty = 0.0;  ///< of weights, 1 bit for each binary one
  double target_megaops = 0.0, megaop_penalty = 0.0;      ///< real multiply-adds + binary ones / 64, in millions

  /// What is told of a trial; all accuracies are fractions, `parent` counts for parent_child alone.
  double score(double accuracy, double parent, double kilobytes, double megaops) const;
};

/// A differentiable search; the defaults are those of BNAS for CIFAR-10 (Chen et al. 2020).
struct DifferentiableConfig {
  SupernetConfig network;
  bool reduces = true;  ///< false: the genotype is read off the architecture after warmup_epochs (DARTS, PC-DARTS)
  ReductionConfig reduction;
  ScoreRule score;
  DerivationOptions derivation;

  int warmup_epochs = 5;           ///< L: of the whole supernet, before anything is removed
  int frozen_epochs = 0;           ///< the first of them train weights alone
  int refresh_epochs = 1;          ///< V: of what is left, after each removal
  int batch_size = 128;            ///< of supernet epochs, for weights and architecture alike
  int trial_batch_size = 400;      ///< of single-path epochs
  bool copy_weights = false;       ///< trials train a copy of the weights; false: the shared ones
  int recalibration_batches = 10;  ///< after a trial's epoch and before its score, to settle running statistics

  /// Over all epochs, trials included; an epoch has one rate, that of its beginning.
  optim::Schedule schedule{optim::ScheduleKind::cosine, 0.025F, 0.0F};
  float momentum = 0.9F;
  float weight_decay = 5e-4F;
  float grad_clip = 5.0F;                                  ///< global norm of weights' gradients; 0: none
  BatchRule batch{.augment = {.shift = 4, .flip = true}};  ///< of both halves; images that score are left as they are

  float arch_lr = 0.01F;  ///< Adam
  float arch_beta1 = 0.5F, arch_beta2 = 0.999F;
  float arch_weight_decay = 1e-3F;
  bool confident_lr = false;    ///< arch_lr * ((epoch + 1) / epochs)^2 (BNAS-v2, Ding et al. 2021)
  float entropy_weight = 0.0F;  ///< rewards spread alphas: weight * exp(-epoch / entropy_decay) (Kim et al. 2020)
  float entropy_decay = 7.7F;
  float temperature_start = 1.0F, temperature_end = 1.0F;  ///< of softmax(alpha), geometric over the epochs
  bool architecture_moves_statistics = true;  ///< architecture steps move running statistics, as in PC-DARTS
  bool architecture_sees_valid = true;        ///< the images that score trials are of the architecture's half (BNAS)

  std::uint64_t seed = 1;

  /// "bnas", "pc-darts", "darts", "cp-nas" or "abandit": the published settings of each; else a `usage` Error.
  static DifferentiableConfig preset(std::string_view strategy);
  /// usage Error naming the key.
  void validate() const;
  std::string text() const;  ///< all of it in one line, for fingerprints
};

/// How long a search is.
struct EpochLedger {
  int supernet = 0;  ///< epochs of the supernet: warm-up and refreshes
  int trials = 0;    ///< epochs of single-path networks, each with its measurement
  int all() const { return supernet + trials; }
};
EpochLedger epoch_ledger(const DifferentiableConfig& config);

}  // namespace bnas::nas
