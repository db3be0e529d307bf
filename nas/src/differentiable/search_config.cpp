// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/search_config.hpp"

#include <algorithm>

#include "batch_rule.hpp"
#include "differentiable/names.hpp"

namespace bnas::nas {
namespace {

const std::vector<std::string> kScores{"accuracy", "parent-child", "penalized"};
const std::vector<std::string> kStrategies{"bnas", "pc-darts", "darts", "cp-nas", "abandit"};

void require_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw Error(ErrorKind::usage, fmt::format("{} is {}, must be {} to {}", key, value, low, high));
  }
}

/// The settings that DARTS and PC-DARTS share.
void read_off(DifferentiableConfig& config, int batch_size, float lr, float arch_lr) {
  config.reduces = false;
  config.network.style.precision = {false, false};
  config.warmup_epochs = 50;
  config.batch_size = batch_size;
  config.schedule.lr_start = lr;
  config.weight_decay = 3e-4F;
  config.arch_lr = arch_lr;
}

}  // namespace

const char* score_method_name(ScoreMethod method) { return kScores[static_cast<std::size_t>(method)].c_str(); }

ScoreMethod parse_score_method(std::string_view name) {
  return static_cast<ScoreMethod>(find_name("score", name, kScores));
}

double ScoreRule::score(double accuracy, double parent, double kilobytes, double megaops) const {
  switch (method) {
    case ScoreMethod::accuracy:
      return accuracy;
    case ScoreMethod::parent_child:
      return parent_weight * (parent - accuracy) + accuracy;
    case ScoreMethod::penalized:
      return accuracy - kilobyte_penalty * std::max(0.0, kilobytes - target_kilobytes) -
             megaop_penalty * std::max(0.0, megaops - target_megaops);
  }
  throw Error(ErrorKind::internal, "[score] unknown method");
}

DifferentiableConfig DifferentiableConfig::preset(std::string_view strategy) {
  DifferentiableConfig config;
  switch (find_name("strategy", strategy, kStrategies)) {
    case 0:
      break;
    case 1:
      read_off(config, 256, 0.1F, 6e-4F);
      config.network.channel_ratio = 4;
      config.frozen_epochs = 15;
      break;
    case 2:
      read_off(config, 64, 0.025F, 3e-4F);
      config.schedule.lr_end = 1e-3F;
      config.network.channel_ratio = 1;
      config.network.edge_weights = false;
      break;
    case 3:
      config.network.style.precision = {true, true};
      config.reduction.method = ReductionMethod::cp_nas;
      config.score.method = ScoreMethod::parent_child;
      break;
    default:
      config.reduction.method = ReductionMethod::abandit;
      break;
  }
  return config;
}

void DifferentiableConfig::validate() const {
  network.validate();
  reduction.validate();
  require_range("warmup_epochs", warmup_epochs, 1, 100'000);
  require_range("frozen_epochs", frozen_epochs, 0, warmup_epochs);
  require_range("refresh_epochs", refresh_epochs, 0, 1000);
  require_range("batch_size", batch_size, 2, 65'536);
  require_range("trial_batch_size", trial_batch_size, 2, 65'536);
  require_range("recalibration_batches", recalibration_batches, 0, 100'000);
  require_range("lr_start", schedule.lr_start, 1e-12, 1e6);
  require_range("lr_end", schedule.lr_end, 0, 1e6);
  if (schedule.kind == optim::ScheduleKind::exponential && schedule.lr_end == 0.0F) {
    throw Error(ErrorKind::usage, "lr_end is 0, which an exponential schedule reaches at once; set lr_end above 0");
  }
  require_range("momentum", momentum, 0, 1);
  require_range("weight_decay", weight_decay, 0, 1);
  require_range("grad_clip", grad_clip, 0, 1e6);
  validate_batch_rule(batch);
  require_range("arch_lr", arch_lr, 0, 1e6);
  require_range("arch_beta1", arch_beta1, 0, 0.999999);
  require_range("arch_beta2", arch_beta2, 0, 0.999999999);
  require_range("arch_weight_decay", arch_weight_decay, 0, 1);
  require_range("entropy_weight", entropy_weight, -1e6, 1e6);
  require_range("entropy_decay", entropy_decay, 1e-6, 1e9);
  require_range("temperature_start", temperature_start, 1e-3, 1e3);
  require_range("temperature_end", temperature_end, 1e-3, 1e3);
  require_range("edges_per_node", derivation.edges_per_node, 1, kCellInputs + kCellNodes - 1);
}

std::string DifferentiableConfig::text() const {
  return fmt::format(
      "{} reduces={} {} score={},{},{},{},{},{} edges={} zeroise={},{} warmup={} frozen={} refresh={} batch={},{} "
      "copy={} recalibration={} schedule={},{}..{},{} momentum={} decay={} clip={} arch={},{},{},{} confident={} "
      "entropy={},{} temperature={}..{} statistics={} sees_valid={} {} seed={}",
      network.text(), reduces, reduction.text(), score_method_name(score.method), score.parent_weight,
      score.target_kilobytes, score.kilobyte_penalty, score.target_megaops, score.megaop_penalty,
      derivation.edges_per_node, derivation.zeroise, derivation.zeroise_factor, warmup_epochs, frozen_epochs,
      refresh_epochs, batch_size, trial_batch_size, copy_weights, recalibration_batches,
      optim::schedule_name(schedule.kind), schedule.lr_start, schedule.lr_end, schedule.warmup_epochs, momentum,
      weight_decay, grad_clip, arch_lr, arch_beta1, arch_beta2, arch_weight_decay, confident_lr, entropy_weight,
      entropy_decay, temperature_start, temperature_end, architecture_moves_statistics, architecture_sees_valid,
      batch_rule_text(batch), seed);
}

EpochLedger epoch_ledger(const DifferentiableConfig& config) {
  EpochLedger ledger{config.warmup_epochs, 0};
  if (config.reduces) {
    const auto operations = static_cast<int>(candidates(config.network.style.operations).size());
    const auto reduction = Reduction::make(config.reduction, operations);
    for (int left = operations; left > 1; --left) {
      ledger.trials += reduction->planned_trials(left);
      ledger.supernet += config.refresh_epochs;
    }
  }
  return ledger;
}

}  // namespace bnas::nas
