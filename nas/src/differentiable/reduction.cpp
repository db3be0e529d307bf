// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/reduction.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "differentiable/names.hpp"
#include "differentiable/reduction_rules.hpp"

namespace bnas::nas {
namespace {

using Json = nlohmann::json;

const std::vector<std::string> kMethods{"bnas", "cp-nas", "abandit", "alpha"};
constexpr double kEqual = 1e-12;  // scores closer than this are a tie

void require(bool holds, const char* message) { check(holds, "reduction", message); }

Json to_json(const ArchitectureValues& values) {
  Json cells = Json::array();
  for (const CellParameters& cell : values) {
    cells.push_back({{"alpha", cell.alpha}, {"beta", cell.beta}});
  }
  return cells;
}

ArchitectureValues values_from(const Json& json, int operations) {
  ArchitectureValues values;
  for (std::size_t cell = 0; cell < values.size(); ++cell) {
    json.at(cell).at("alpha").get_to(values[cell].alpha);
    json.at(cell).at("beta").get_to(values[cell].beta);
    for (const auto& alpha : values[cell].alpha) {
      if (alpha.size() != static_cast<std::size_t>(operations)) {
        throw Error(ErrorKind::bad_data, fmt::format("{} values of alpha, expected {}", alpha.size(), operations));
      }
    }
  }
  return values;
}

}  // namespace

const char* reduction_method_name(ReductionMethod method) { return kMethods[static_cast<std::size_t>(method)].c_str(); }

ReductionMethod parse_reduction_method(std::string_view name) {
  return static_cast<ReductionMethod>(find_name("reduction", name, kMethods));
}

void ReductionConfig::validate() const {
  const auto require_range = [](const char* key, double value, double low, double high) {
    if (!(value >= low && value <= high)) {
      throw Error(ErrorKind::usage, fmt::format("{} is {}, must be {} to {}", key, value, low, high));
    }
  };
  require_range("reduction_trials", passes, 1, 1000);
  require_range("score_scale", score_scale, 1e-6, 1e6);
  require_range("value_rate", value_rate, 1e-6, 1);
}

std::string ReductionConfig::text() const {
  return fmt::format("reduction={} trials={} score_scale={} try_both_at_two={} value_rate={} seed={}",
                     reduction_method_name(method), passes, score_scale, try_both_at_two, value_rate, seed);
}

Reduction::Reduction(const ReductionConfig& config, int operations)
    : config_(config), alive_(all_alive(operations)), left_(operations) {
  config.validate();
  for (auto& cell : scores_) {
    cell.fill(std::vector<double>(static_cast<std::size_t>(operations), 0.0));
  }
}

void Reduction::begin_round(const ArchitectureValues& values) {
  require(!in_round_ && !done(), "a round begun within another, or after the last");
  values_ = values;
  in_round_ = true;
  trial_ = 0;
  ++round_;
  for (std::size_t cell = 0; cell < alive_.size(); ++cell) {
    for (std::size_t edge = 0; edge < alive_[cell].size(); ++edge) {
      begin_edge(cell, edge);
    }
  }
  journal_.push_back(Json{{"event", "round"}, {"round", round_}, {"left", left_}, {"cells", to_json(values)}}.dump());
}

std::optional<Selection> Reduction::next_trial() {
  require(in_round_ && !asked_, "a trial asked for outside of a round, or before the last one was told");
  if (trial_ == planned_trials(left_)) {
    return std::nullopt;
  }
  Selection selection;
  for (std::size_t cell = 0; cell < selection.size(); ++cell) {
    for (std::size_t edge = 0; edge < selection[cell].size(); ++edge) {
      selection[cell][edge] = draw(trial_, cell, edge);
    }
  }
  asked_ = selection;
  return asked_;
}

void Reduction::tell(double score) {
  require(asked_.has_value(), "told of a trial that was not asked for");
  require(std::isfinite(score), "told of a score that is not finite");
  for (std::size_t cell = 0; cell < asked_->size(); ++cell) {
    for (std::size_t edge = 0; edge < (*asked_)[cell].size(); ++edge) {
      tell_edge(cell, edge, (*asked_)[cell][edge], score);
    }
  }
  journal_.push_back(
      Json{{"event", "trial"}, {"round", round_}, {"trial", trial_}, {"operations", *asked_}, {"score", score}}.dump());
  asked_.reset();
  ++trial_;
}

/// The least score; among equal ones the least alpha, then the last operation, as derivations keep the first.
int Reduction::least(std::size_t cell, std::size_t edge) const {
  const auto& scores = scores_[cell][edge];
  const auto& alpha = values_[cell].alpha[edge];
  auto worst = static_cast<std::size_t>(alive_[cell][edge].front());
  for (const int operation : alive_[cell][edge]) {
    const auto o = static_cast<std::size_t>(operation);
    const bool equal = std::fabs(scores[o] - scores[worst]) <= kEqual;
    if (equal ? alpha[o] <= alpha[worst] : scores[o] < scores[worst]) {
      worst = o;
    }
  }
  return static_cast<int>(worst);
}

Selection Reduction::finish_round() {
  require(in_round_ && !asked_ && trial_ == planned_trials(left_), "a round finished before all of its trials");
  Selection removed;
  for (std::size_t cell = 0; cell < alive_.size(); ++cell) {
    for (std::size_t edge = 0; edge < alive_[cell].size(); ++edge) {
      score_edge(cell, edge);
      removed[cell][edge] = least(cell, edge);
      std::erase(alive_[cell][edge], removed[cell][edge]);
    }
  }
  --left_;
  in_round_ = false;
  journal_.push_back(
      Json{{"event", "removal"}, {"round", round_}, {"operations", removed}, {"scores", scores_}}.dump());
  return removed;
}

std::array<std::array<double, kCellEdges>, 2> Reduction::final_scores() const {
  require(done(), "final scores asked for before the last round");
  std::array<std::array<double, kCellEdges>, 2> result{};
  for (std::size_t cell = 0; cell < result.size(); ++cell) {
    for (std::size_t edge = 0; edge < result[cell].size(); ++edge) {
      result[cell][edge] = scores_[cell][edge][static_cast<std::size_t>(alive_[cell][edge].front())];
    }
  }
  return result;
}

std::unique_ptr<Reduction> Reduction::make(const ReductionConfig& config, int operations) {
  switch (config.method) {
    case ReductionMethod::bnas:
    case ReductionMethod::cp_nas:
      return std::make_unique<TrialReduction>(config, operations);
    case ReductionMethod::abandit:
      return std::make_unique<BanditReduction>(config, operations);
    case ReductionMethod::alpha:
      return std::make_unique<AlphaReduction>(config, operations);
  }
  throw Error(ErrorKind::internal, "[reduction] unknown method");
}

std::unique_ptr<Reduction> Reduction::replay(const ReductionConfig& config, int operations,
                                             const std::vector<std::string>& journal) {
  auto reduction = make(config, operations);
  for (std::size_t i = 0; i < journal.size(); ++i) {
    try {
      const Json line = Json::parse(journal[i]);
      const auto event = line.at("event").get<std::string>();
      if (event == "round") {
        reduction->begin_round(values_from(line.at("cells"), operations));
      } else if (event == "trial") {
        reduction->next_trial();
        reduction->tell(line.at("score").get<double>());
      } else {
        reduction->finish_round();
      }
    } catch (const std::exception& error) {
      throw Error(ErrorKind::bad_data,
                  fmt::format("journal of the reduction, line {}: {}; the search cannot go on from "
                              "it, begin it anew",
                              i + 1, error.what()));
    }
    if (reduction->journal_.back() != journal[i]) {
      throw Error(ErrorKind::bad_data,
                  fmt::format("journal of the reduction, line {}: another decision than '{}' follows from the lines "
                              "before it; the configuration or the file was changed",
                              i + 1, reduction->journal_.back().substr(0, 80)));
    }
  }
  return reduction;
}

}  // namespace bnas::nas
