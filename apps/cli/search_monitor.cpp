// SPDX-License-Identifier: Apache-2.0
#include "cli/search_monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/format.hpp"
#include "cli/run_directory.hpp"
#include "cli/signals.hpp"

namespace bnas::cli {
namespace {

double macs(const nas::NetworkCost& cost) { return static_cast<double>(cost.binary_macs + cost.real_macs); }

std::vector<std::filesystem::path> log_files(const SearchMonitor::Settings& settings) {
  std::vector<std::filesystem::path> files = {settings.root / "logs" / "search.log"};
  if (!settings.log_file.empty()) {
    files.push_back(settings.log_file);
  }
  return files;
}

}  // namespace

SearchMonitor::SearchMonitor(Settings settings, const nas::SearchSpace* space, const nas::ChildTask& task,
                             const nas::Strategy& strategy, const nas::TrialStore& store)
    : settings_(std::move(settings)),
      task_(task),
      strategy_(strategy),
      store_(store),
      exports_(settings_.root, space, settings_.surrogate, settings_.earlier, store),
      events_(settings_.json),
      display_({.quiet = settings_.verbosity < 0, .run = settings_.root.string(), .resume = settings_.resume},
               [this] { return snapshot(); }),
      log_(log_files(settings_), settings_.verbosity, [this](const std::string& line) { display_.print(line); }) {
  const std::lock_guard lock(mutex_);
  state_.title = settings_.title;
  state_.levels = settings_.levels;
}

nas::SearchObserver SearchMonitor::observer() {
  nas::SearchObserver out;
  out.on_scores = [this](int level, std::span<const nas::ScoredCell> cells) { exports_.scores(level, cells); };
  out.on_batch = [this](int level, std::int64_t queued) { on_batch(level, queued); };
  out.on_start = [this](const nas::Trial& trial) { on_start(trial); };
  out.on_warning = [this](const nas::Trial& trial, const std::string& text) { on_warning(trial, text); };
  out.on_epoch = [this](const nas::Trial& trial, const nas::EpochMetrics& metrics) { on_epoch(trial, metrics); };
  out.on_trial = [this](const nas::Trial& trial) { on_trial(trial); };
  out.on_quality = [this](const nas::SurrogateQuality& quality) { on_quality(quality); };
  return out;
}

void SearchMonitor::on_batch(int level, std::int64_t queued) {
  std::vector<nas::Trial> trials = store_.trials();
  const std::int64_t planned = std::max<std::int64_t>(strategy_.planned_trials(), std::ssize(trials));
  const double disk = directory_bytes(settings_.root);
  {
    const std::lock_guard lock(mutex_);
    const bool first = trials_.empty();
    for (nas::Trial& trial : trials) {
      if (macs(trial.cost) == 0.0) {
        trial.cost = task_.cost(trial.genotype);
      }
      if (first && trial.status == nas::TrialStatus::done && trial.seconds > 0.0) {
        eta_.add(macs(trial.cost), trial.seconds);
      }
      trials_[trial.id] = std::move(trial);
    }
    state_.level = level;
    state_.planned = planned;
    state_.disk_bytes = disk;
    recount();
  }
  log_.write(LogLevel::info, fmt::format("level {}: {} children queued, {} planned in all", level, queued, planned));
  events_.write("level_start", {{"level", level}, {"queued", queued}, {"planned", planned}});
}

void SearchMonitor::on_start(const nas::Trial& trial) {
  {
    const std::lock_guard lock(mutex_);
    const int epoch = trial.curve.empty() ? 0 : trial.curve.back().epoch;
    running_[trial.id] = {trial.id, epoch, trial.budget.epochs, epoch == 0 ? 0.0 : trial.curve.back().train_loss,
                          epoch == 0 ? 0.0 : trial.curve.back().valid_accuracy};
  }
  log_.write(LogLevel::info, fmt::format("child {} attempt {} starts: {}{}", trial.id, trial.attempts, trial.text,
                                         trial.predicted ? fmt::format(" (predicted {:.4f})", *trial.predicted) : ""));
  events_.write("child_start", {{"child", trial.id},
                                {"level", trial.level},
                                {"attempt", trial.attempts},
                                {"cell", trial.text},
                                {"predicted", trial.predicted ? json_number(*trial.predicted) : Json()}});
}

void SearchMonitor::on_epoch(const nas::Trial& trial, const nas::EpochMetrics& metrics) {
  {
    const std::lock_guard lock(mutex_);
    running_[trial.id] = {trial.id, metrics.epoch, trial.budget.epochs, metrics.train_loss, metrics.valid_accuracy};
  }
  log_.write(LogLevel::debug, fmt::format("child {} epoch {}/{} | loss {:.6f} | train {:.4f} | val {:.4f} | lr {:.2e}",
                                          trial.id, metrics.epoch, trial.budget.epochs, metrics.train_loss,
                                          metrics.train_accuracy, metrics.valid_accuracy, metrics.learning_rate));
  events_.write("epoch", {{"child", trial.id},
                          {"epoch", metrics.epoch},
                          {"loss", json_number(metrics.train_loss)},
                          {"train_acc", json_number(metrics.train_accuracy)},
                          {"val_acc", json_number(metrics.valid_accuracy)},
                          {"lr", json_number(metrics.learning_rate)}});
}

void SearchMonitor::on_warning(const nas::Trial& trial, const std::string& text) {
  log_.write(LogLevel::warning, fmt::format("child {}: {}", trial.id, text));
  events_.write("warning", {{"child", trial.id}, {"text", text}});
}

void SearchMonitor::on_trial(const nas::Trial& trial) {
  const double disk = directory_bytes(settings_.root);
  {
    const std::lock_guard lock(mutex_);
    running_.erase(trial.id);
    const nas::NetworkCost cost = trials_[trial.id].cost;
    nas::Trial& kept = trials_[trial.id] = trial;
    if (macs(kept.cost) == 0.0) {
      kept.cost = cost;
    }
    if (trial.status == nas::TrialStatus::done && trial.seconds > 0.0) {
      eta_.add(macs(kept.cost), trial.seconds);
    }
    state_.disk_bytes = disk;
    recount();
  }
  std::vector<nas::Trial> trials;
  for (const auto& [id, known] : trials_) {  // only this thread writes it
    trials.push_back(known);
  }
  exports_.child(trial, trials);

  const std::string status = nas::trial_status_name(trial.status);
  if (trial.status == nas::TrialStatus::done) {
    log_.write(LogLevel::info,
               fmt::format("child {} done: val {:.4f} at epoch {}, {}, {:.1f} s: {}", trial.id, trial.reward,
                           trial.best_epoch, cost_text(trial.cost), trial.seconds, trial.text));
  } else {
    log_.write(LogLevel::warning, fmt::format("child {} {}: {}: {}", trial.id, status, trial.text, trial.message));
  }
  Json fields = trial_fields(trial);
  fields["attempt"] = trial.attempts;
  fields["epochs"] = trial.curve.size();
  fields["wall_s"] = json_number(trial.seconds);
  if (!trial.message.empty()) {
    fields["message"] = trial.message;
  }
  events_.write("child_end", fields);
  display_.status_now();
}

void SearchMonitor::on_quality(const nas::SurrogateQuality& quality) {
  if (std::isfinite(quality.extrapolation_spearman)) {
    const std::lock_guard lock(mutex_);
    state_.rank_correlation = quality.extrapolation_spearman;
  }
  log_.write(LogLevel::info, fmt::format("surrogate after level {}: fit Spearman {:.3f} Kendall {:.3f}, "
                                         "extrapolation Spearman {:.3f} Kendall {:.3f}",
                                         quality.level, quality.fit_spearman, quality.fit_kendall,
                                         quality.extrapolation_spearman, quality.extrapolation_kendall));
  events_.write("surrogate", quality_fields(quality));
  exports_.all();
}

void SearchMonitor::recount() {
  state_.finished = state_.diverged = state_.failed = 0;
  state_.best.reset();
  for (const auto& [id, trial] : trials_) {
    const bool done = trial.status == nas::TrialStatus::done;
    const bool diverged = trial.status == nas::TrialStatus::diverged;
    const bool failed = trial.status == nas::TrialStatus::failed;
    state_.finished += done || diverged || failed ? 1 : 0;
    state_.diverged += diverged ? 1 : 0;
    state_.failed += failed ? 1 : 0;
    if (done && (!state_.best || trial.reward > state_.best->reward)) {
      state_.best = trial;
    }
  }
}

std::optional<Eta> SearchMonitor::estimate() const {
  RemainingWork work;
  work.workers = settings_.workers;
  double level_macs = 0.0;
  double level_children = 0.0;
  for (const auto& [id, trial] : trials_) {
    if (trial.level == state_.level) {
      level_macs += macs(trial.cost);
      level_children += 1.0;
    }
    if (nas::is_final(trial.status)) {
      continue;
    }
    const auto it = running_.find(id);
    const double done = it == running_.end() ? 0.0 : static_cast<double>(it->second.epoch) / it->second.epochs;
    work.known_macs.push_back(macs(trial.cost) * (1.0 - done));
  }
  work.unknown_children = static_cast<double>(std::max<std::int64_t>(0, state_.planned - std::ssize(trials_)));
  if (level_children > 0.0) {  // cells of later levels have more blocks: half of the way to the last on average
    const double blocks = 0.5 * (state_.level + 1 + std::max(state_.level + 1, settings_.levels));
    work.unknown_macs = level_macs / level_children * blocks / std::max(1, state_.level);
  }
  return eta_.remaining(work);
}

ProgressSnapshot SearchMonitor::snapshot() {
  const std::lock_guard lock(mutex_);
  ProgressSnapshot out = state_;
  for (const auto& [id, child] : running_) {
    out.running.push_back(child);
  }
  out.elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  out.eta = estimate();
  out.stopping = stop_requested();
  return out;
}

}  // namespace bnas::cli
