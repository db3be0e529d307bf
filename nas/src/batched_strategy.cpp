// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/batched_strategy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "bnas/core/error.hpp"
#include "bnas/nas/evolution_strategy.hpp"
#include "bnas/nas/local_search_strategy.hpp"
#include "bnas/nas/progressive_strategy.hpp"
#include "bnas/nas/random_strategy.hpp"

namespace bnas::nas {
namespace {

using nlohmann::json;

constexpr int kStateVersion = 1;

[[noreturn]] void reject(const std::string& why) {
  throw Error(ErrorKind::bad_data, "the saved strategy state cannot be continued: " + why);
}

json number(double x) { return std::isfinite(x) ? json(x) : json(); }  // JSON has no NaN

double number(const json& j) { return j.is_null() ? std::numeric_limits<double>::quiet_NaN() : j.get<double>(); }

json to_json(const Genotype& genotype) {
  json blocks = json::array();
  for (const Block& b : genotype.blocks) {
    blocks.push_back({b.in0, b.op0, b.in1, b.op1});
  }
  return blocks;
}

Genotype genotype_from(const json& blocks) {
  Genotype genotype;
  for (const json& b : blocks) {
    const auto v = b.get<std::array<std::int64_t, 4>>();
    if (v[0] < -128 || v[0] > 127 || v[1] < 0 || v[1] > 255 || v[2] < -128 || v[2] > 127 || v[3] < 0 || v[3] > 255) {
      reject("a block out of range");
    }
    genotype.blocks.push_back({static_cast<std::int8_t>(v[0]), static_cast<std::uint8_t>(v[1]),
                               static_cast<std::int8_t>(v[2]), static_cast<std::uint8_t>(v[3])});
  }
  return genotype;
}

json to_json(const Proposal& p) {
  json j{{"cell", to_json(p.genotype)}, {"level", p.level}};
  if (p.predicted) {
    j["predicted"] = number(*p.predicted);
  }
  if (p.effort != 1.0) {
    j["effort"] = p.effort;
  }
  return j;
}

Proposal proposal_from(const json& j) {
  Proposal p{genotype_from(j.at("cell")), j.at("level").get<int>(), std::nullopt};
  if (p.genotype.blocks.empty() || p.genotype.blocks.size() > kMaxBlocks || p.level < 1 || p.level > kMaxBlocks) {
    reject("a cell out of range");
  }
  if (j.contains("predicted")) {
    p.predicted = number(j.at("predicted"));
  }
  p.effort = j.value("effort", 1.0);
  if (!(p.effort > 0.0 && p.effort <= 1.0)) {
    reject("an effort out of range");
  }
  return p;
}

TrialStatus status_from(const std::string& name) {
  for (const TrialStatus s : {TrialStatus::done, TrialStatus::diverged, TrialStatus::failed}) {
    if (name == trial_status_name(s)) {
      return s;
    }
  }
  reject("status '" + name.substr(0, 32) + "'");
}

/// What a state must agree in with the strategy that takes it.
json identity(const StrategyConfig& c, const SpaceConfig& s, const std::string& surrogate) {
  json out{{"strategy", c.kind},
           {"blocks", c.blocks},
           {"children", c.children},
           {"first_level_max", c.first_level_max},
           {"exploration", c.exploration},
           {"largest_only", c.largest_only},
           {"seed", c.seed},
           {"surrogate", surrogate},
           {"space", s.kind == SpaceKind::flat ? "flat" : "pnas"},
           {"operators", s.operators},
           {"space_blocks", s.blocks},
           {"look_back", s.look_back},
           {"look_forward", s.look_forward},
           {"combine", s.combine == Combine::add ? "add" : "concat"}};
  if (c.kind == "evolution" || c.kind == "local-search") {
    out.update({{"population", c.population}, {"tournament", c.tournament}, {"generation", c.generation}});
  }
  if (c.warm_up) {
    out["warm_up"] = true;
  }
  if (c.halving != 0) {
    out["halving"] = c.halving;
  }
  return out;
}

void require(bool holds, const std::string& message) {
  if (!holds) {
    throw Error(ErrorKind::usage, message);
  }
}

}  // namespace

BatchedStrategy::BatchedStrategy(StrategyConfig config, const SearchSpace& space)
    : config_(std::move(config)), space_(space) {
  require(config_.blocks >= 1 && config_.blocks <= space.config().blocks,
          fmt::format("strategy: blocks is {}; the space has cells of 1 to {}", config_.blocks, space.config().blocks));
  require(config_.children >= 1, fmt::format("strategy: children is {}; it must be at least 1", config_.children));
  require(
      config_.first_level_max >= 0,
      fmt::format("strategy: first_level_max is {}; give a number of cells, or 0 for all", config_.first_level_max));
  require(config_.exploration >= 0.0 && config_.exploration <= 1.0,
          fmt::format("strategy: exploration is {}; it is a share between 0 and 1", config_.exploration));
  require(config_.halving == 0 || config_.halving >= 2,
          fmt::format("strategy: halving is {}; it must be 0 or at least 2", config_.halving));
  require(config_.generation >= 1,
          fmt::format("strategy: generation is {}; it must be at least 1", config_.generation));
  require(config_.tournament >= 1 && config_.tournament <= config_.population,
          fmt::format("strategy: tournament is {}; it must be between 1 and the population, {}", config_.tournament,
                      config_.population));
}

std::vector<Proposal> BatchedStrategy::ask() {
  check(pending_.empty(), name(), "ask() before the last batch was told");
  pending_ = next_batch();
  return pending_;
}

void BatchedStrategy::tell(std::span<const Trial> trials) {
  check(!pending_.empty() && trials.size() == pending_.size(), name(), "tell() needs the whole batch that was asked");
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const Trial& t = trials[i];
    check(t.genotype == pending_[i].genotype, name(), "tell() out of order");
    check(is_final(t.status), name(), "tell() of an unfinished trial");
    told_.push_back({pending_[i], t.status, t.status == TrialStatus::done ? t.reward : 0.0});
  }
  pending_.clear();
  if (const auto quality = assess()) {
    quality_.push_back(*quality);
  }
}

std::string BatchedStrategy::state() const {
  json j{{"version", kStateVersion},           {"config", identity(config_, space_.config(), surrogate_name())},
         {"planned_trials", planned_trials()}, {"told", json::array()},
         {"pending", json::array()},           {"quality", json::array()}};
  for (const Told& t : told_) {
    json entry = to_json(t.proposal);
    entry["status"] = trial_status_name(t.status);
    entry["reward"] = number(t.reward);
    j["told"].push_back(std::move(entry));
  }
  for (const Proposal& p : pending_) {
    j["pending"].push_back(to_json(p));
  }
  for (const SurrogateQuality& q : quality_) {
    j["quality"].push_back({{"level", q.level},
                            {"fit_spearman", number(q.fit_spearman)},
                            {"fit_kendall", number(q.fit_kendall)},
                            {"extrapolation_spearman", number(q.extrapolation_spearman)},
                            {"extrapolation_kendall", number(q.extrapolation_kendall)}});
  }
  return j.dump();
}

void BatchedStrategy::restore(std::string_view state) {
  check(told_.empty() && pending_.empty(), name(), "restore() into a strategy in use");
  try {
    const json j = json::parse(state);
    if (j.at("version").get<int>() != kStateVersion) {
      reject(fmt::format("it has version {}, this program knows {}", j.at("version").dump(), kStateVersion));
    }
    const json own = identity(config_, space_.config(), surrogate_name());
    for (const auto& [key, value] : own.items()) {
      if (j.at("config").at(key) != value) {
        reject(
            fmt::format("it was made with {} = {}, now it is {}; resume with the configuration of the run, or start "
                        "a new one",
                        key, j.at("config").at(key).dump(), value.dump()));
      }
    }
    std::vector<Told> told;
    for (const json& entry : j.at("told")) {
      told.push_back(
          {proposal_from(entry), status_from(entry.at("status").get<std::string>()), number(entry.at("reward"))});
    }
    std::vector<Proposal> pending;
    for (const json& entry : j.at("pending")) {
      pending.push_back(proposal_from(entry));
    }
    std::vector<SurrogateQuality> quality;
    for (const json& q : j.at("quality")) {
      quality.push_back({q.at("level").get<int>(), number(q.at("fit_spearman")), number(q.at("fit_kendall")),
                         number(q.at("extrapolation_spearman")), number(q.at("extrapolation_kendall"))});
    }
    told_ = std::move(told);
    pending_ = std::move(pending);
    quality_ = std::move(quality);
  } catch (const json::exception& e) {
    reject(std::string("it is damaged: ") + e.what());
  }
}

int BatchedStrategy::last_level() const {
  return !pending_.empty() ? pending_.back().level : told_.empty() ? 0 : told_.back().proposal.level;
}

std::int64_t BatchedStrategy::cells_of_size(int blocks) const {
  const std::string unique = space_.count_unique(blocks);
  return unique.size() > 18 ? std::numeric_limits<std::int64_t>::max() : std::stoll(unique);
}

std::int64_t BatchedStrategy::planned_on_level(int level) const {
  const std::int64_t limit = level > 1 ? config_.children : config_.first_level_max;
  return limit == 0 ? cells_of_size(level) : std::min(cells_of_size(level), limit);
}

std::int64_t BatchedStrategy::equal_budget() const {
  std::int64_t sum = 0;
  for (int level = 1; level <= config_.blocks; ++level) {
    sum += planned_on_level(level);
  }
  return sum;
}

std::unique_ptr<Strategy> make_strategy(const StrategyConfig& config, const SearchSpace& space,
                                        std::unique_ptr<Surrogate> surrogate, CellScore score,
                                        MeasuredRewards earlier) {
  if (config.kind == "progressive") {
    return std::make_unique<ProgressiveStrategy>(config, space, std::move(surrogate), std::move(score),
                                                 std::move(earlier));
  }
  if (config.kind == "random") {
    return std::make_unique<RandomStrategy>(config, space);
  }
  if (config.kind == "evolution") {
    return std::make_unique<EvolutionStrategy>(config, space);
  }
  if (config.kind == "local-search") {
    return std::make_unique<LocalSearchStrategy>(config, space);
  }
  static const std::array<std::string, 4> kinds{"progressive", "random", "evolution", "local-search"};
  const std::string nearest = nearest_name(config.kind, kinds.data(), kinds.data() + kinds.size());
  throw Error(ErrorKind::usage,
              fmt::format("unknown strategy '{}'{}; known are progressive, random, evolution and local-search",
                          config.kind, nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
}

}  // namespace bnas::nas
