// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/progressive_strategy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "bnas/core/error.hpp"
#include "bnas/core/io/sha256.hpp"
#include "bnas/nas/rank_correlation.hpp"
#include "sampling.hpp"

namespace bnas::nas {
namespace {

constexpr std::size_t kScoreBatch = 8192;  // cells whose tokens are in memory at once

}  // namespace

ProgressiveStrategy::ProgressiveStrategy(StrategyConfig config, const SearchSpace& space,
                                         std::unique_ptr<Surrogate> surrogate, CellScore score, MeasuredRewards earlier)
    : BatchedStrategy(std::move(config), space),
      surrogate_(std::move(surrogate)),
      score_(std::move(score)),
      earlier_(std::move(earlier)) {
  if (!surrogate_) {
    throw Error(ErrorKind::usage, "the progressive strategy needs a surrogate; choose one, or the random strategy");
  }
  if (this->config().warm_up && !score_) {
    throw Error(ErrorKind::usage, "the progressive strategy needs a score for its warm-up");
  }
}

std::string ProgressiveStrategy::surrogate_name() const {
  if (earlier_.cells.empty()) {
    return surrogate_->name();
  }
  Sha256 digest;
  for (std::size_t i = 0; i < earlier_.cells.size(); ++i) {
    digest.update(std::string_view(fmt::format("{} {}\n", space().text(earlier_.cells[i]), earlier_.rewards[i])));
  }
  return fmt::format("{}, {} earlier cells {}", surrogate_->name(), earlier_.cells.size(), digest.hex().substr(0, 16));
}

std::int64_t ProgressiveStrategy::planned_trials() const {
  std::int64_t planned = known_trials();
  for (int level = last_level() + 1; level <= config().blocks; ++level) {
    planned += planned_on_level(level);
    if (config().halving > 0 && level > 1) {
      const std::size_t first = std::min(static_cast<std::size_t>(cells_of_size(level)), first_rung());
      planned += static_cast<std::int64_t>(first + second_rung(first)) - planned_on_level(level);
    }
  }
  if (!pending().empty()) {
    const bool rung = pending().front().effort < 1.0;
    return planned + static_cast<std::int64_t>(rung ? second_rung(pending().size()) : 0);
  }
  return planned + std::ssize(promoted());
}

std::size_t ProgressiveStrategy::first_rung() const {
  const auto children = static_cast<std::size_t>(config().children);
  return config().halving == 0 ? children
                               : std::max<std::size_t>(1, children * static_cast<std::size_t>(config().halving) / 2);
}

std::size_t ProgressiveStrategy::second_rung(std::size_t first) const {
  const auto factor = static_cast<std::size_t>(config().halving);
  return (first + factor - 1) / factor;
}

std::vector<Proposal> ProgressiveStrategy::promoted() const {
  std::vector<const Told*> rung;
  std::size_t asked = 0;
  if (told().empty() || told().back().proposal.effort == 1.0) {
    return {};
  }
  for (const Told& t : told()) {
    if (t.proposal.level == last_level() && t.proposal.effort < 1.0) {
      ++asked;
      if (t.status == TrialStatus::done) {
        rung.push_back(&t);
      }
    }
  }
  std::stable_sort(rung.begin(), rung.end(), [](const Told* a, const Told* b) { return a->reward > b->reward; });
  rung.resize(std::min(rung.size(), second_rung(asked)));
  std::vector<Proposal> batch;
  batch.reserve(rung.size());
  for (const Told* t : rung) {
    batch.push_back({t->proposal.genotype, t->proposal.level, t->proposal.predicted});
  }
  return batch;
}

std::vector<Genotype> ProgressiveStrategy::first_level() const {
  std::vector<Genotype> all = space().first();
  const auto limit = static_cast<std::size_t>(config().first_level_max);
  if (limit == 0 || all.size() <= limit) {
    return all;
  }
  if (this->config().warm_up) {
    return best_scored(std::move(all), limit);
  }
  std::vector<Genotype> sample;
  for (const std::size_t i : sample_indices(all.size(), limit, {config().seed, 1, RandomPurpose::sample})) {
    sample.push_back(std::move(all[i]));
  }
  return sample;
}

std::vector<Genotype> ProgressiveStrategy::best_scored(std::vector<Genotype> cells, std::size_t count) const {
  std::vector<std::pair<double, std::size_t>> order;  // ties go to the first
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double score = score_(cells[i]);
    order.emplace_back(std::isnan(score) ? std::numeric_limits<double>::infinity() : -score, i);
  }
  std::sort(order.begin(), order.end());
  order.resize(count);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::vector<Genotype> best;
  best.reserve(order.size());
  for (const auto& [score, i] : order) {
    best.push_back(std::move(cells[i]));
  }
  return best;
}

std::vector<Genotype> ProgressiveStrategy::extensions(int level) const {
  std::set<Genotype> trained;
  std::vector<Genotype> cells;
  for (const Told& t : told()) {
    trained.insert(t.proposal.genotype);
    if (t.proposal.level == level - 1 && t.status == TrialStatus::done && t.proposal.effort == 1.0) {
      for (Genotype& cell : space().grow(t.proposal.genotype)) {
        cells.push_back(std::move(cell));
      }
    }
  }
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  std::erase_if(cells, [&](const Genotype& cell) { return trained.contains(cell); });
  return cells;
}

void ProgressiveStrategy::fit_to_measured() {
  if (fitted_ == told().size()) {
    return;
  }
  const MeasuredRewards known = with_earlier(measured(), earlier_);
  std::vector<std::vector<std::int32_t>> tokens;
  for (const Genotype& cell : known.cells) {
    tokens.push_back(space().tokens(cell));
  }
  check(!tokens.empty(), name(), "no trial to fit the surrogate to");
  surrogate_->fit(tokens, known.rewards);
  fitted_ = told().size();
}

MeasuredRewards ProgressiveStrategy::measured() const {
  std::vector<Measurement> all;
  for (const Told& t : told()) {
    if (t.status == TrialStatus::done) {
      all.push_back({&t.proposal.genotype, t.proposal.level, t.proposal.effort == 1.0, t.reward});
    }
  }
  return comparable_rewards(all);
}

std::vector<double> ProgressiveStrategy::predict(std::span<const Genotype> cells) const {
  std::vector<double> means;
  means.reserve(cells.size());
  for (std::size_t begin = 0; begin < cells.size(); begin += kScoreBatch) {
    std::vector<std::vector<std::int32_t>> tokens;
    for (const Genotype& cell : cells.subspan(begin, std::min(kScoreBatch, cells.size() - begin))) {
      tokens.push_back(space().tokens(cell));
    }
    for (const Prediction& p : surrogate_->predict(tokens)) {
      means.push_back(p.mean);
    }
  }
  check(means.size() == cells.size(), surrogate_->name(), "predict() returned another number of values");
  return means;
}

std::vector<Proposal> ProgressiveStrategy::next_batch() {
  std::vector<Proposal> batch;
  scores_.clear();
  const int level = last_level() + 1;
  if (level == 1) {
    const std::vector<Genotype> cells = first_level();
    for (const Genotype& cell : cells) {
      batch.push_back({cell, level, std::nullopt});
    }
    if (!earlier_.cells.empty()) {
      fit_to_measured();
      const std::vector<double> means = predict(cells);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i].predicted = means[i];
      }
    }
    return batch;
  }
  if (std::vector<Proposal> second = promoted(); !second.empty()) {
    return second;
  }
  if (level > config().blocks) {
    return batch;
  }
  const std::vector<Genotype> cells = extensions(level);
  if (cells.empty()) {
    return batch;
  }
  fit_to_measured();
  const std::vector<double> means = predict(cells);

  // Best mean first; NaN last; `cells` is in canonical order, so a stable sort breaks ties by it.
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto score = [&](std::size_t i) {
    return std::isnan(means[i]) ? -std::numeric_limits<double>::infinity() : means[i];
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score(a) > score(b); });

  const std::size_t beam = std::min(cells.size(), first_rung());
  const auto explored = static_cast<std::size_t>(std::lround(config().exploration * static_cast<double>(beam)));
  const std::size_t best = beam - explored;
  std::vector<std::size_t> chosen(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(best));
  const RandomKey key{config().seed, static_cast<std::uint64_t>(level), RandomPurpose::sample};
  for (const std::size_t i : sample_indices(order.size() - best, explored, key)) {
    chosen.push_back(order[best + i]);
  }
  for (const std::size_t i : chosen) {
    batch.push_back({cells[i], level, means[i], config().halving > 0 ? 1.0 / config().halving : 1.0});
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    scores_.push_back({cells[i], means[i]});
  }
  return batch;
}

std::optional<SurrogateQuality> ProgressiveStrategy::assess() {
  const int level = last_level();
  constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
  SurrogateQuality quality{level, kUndefined, kUndefined, kUndefined, kUndefined};
  if (config().halving > 0 && level > 1 && told().back().proposal.effort == 1.0) {
    return std::nullopt;  // judged on the first rung, where nothing was left out yet
  }
  const auto [cells, rewards] = measured();
  std::vector<double> forecast;
  std::vector<double> outcome;
  for (const Told& t : told()) {
    if (t.status == TrialStatus::done && t.proposal.level == level && t.proposal.predicted) {
      forecast.push_back(*t.proposal.predicted);
      outcome.push_back(t.reward);
    }
  }
  if (cells.empty()) {
    return quality;
  }
  fit_to_measured();
  const std::vector<double> fit = predict(cells);
  quality.fit_spearman = spearman(fit, rewards);
  quality.fit_kendall = kendall_tau_b(fit, rewards);
  quality.extrapolation_spearman = spearman(forecast, outcome);
  quality.extrapolation_kendall = kendall_tau_b(forecast, outcome);
  return quality;
}

}  // namespace bnas::nas
