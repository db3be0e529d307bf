// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "bnas/core/error.hpp"
#include "bnas/nas/measured_rewards.hpp"
#include "bnas/nas/search_loop.hpp"

namespace bnas::nas {
namespace {

using nlohmann::ordered_json;

ordered_json number(double x) { return std::isfinite(x) ? ordered_json(x) : ordered_json(); }

ordered_json zero_counts() { return {{"queued", 0}, {"running", 0}, {"done", 0}, {"diverged", 0}, {"failed", 0}}; }

void count(ordered_json& counts, TrialStatus status) {
  ordered_json& n = counts[trial_status_name(status)];
  n = n.get<std::int64_t>() + 1;
}

ordered_json describe(const Trial& t) {
  return {{"id", t.id},
          {"level", t.level},
          {"rank", t.rank},
          {"architecture", t.text},
          {"reward", number(t.reward)},
          {"predicted", t.predicted ? number(*t.predicted) : ordered_json()},
          {"best_epoch", t.best_epoch},
          {"bits", t.cost.bits()},
          {"bytes", t.cost.bytes()},
          {"binary_macs", t.cost.binary_macs},
          {"real_macs", t.cost.real_macs},
          {"seconds", number(t.seconds)}};
}

}  // namespace

std::string status_json(const TrialStore& store) {
  const std::vector<Trial> trials = store.trials();
  ordered_json totals = zero_counts();
  std::map<int, ordered_json> levels;
  ordered_json problems = ordered_json::array();
  for (const Trial& t : trials) {
    ordered_json& level = levels.try_emplace(t.level, zero_counts()).first->second;
    count(totals, t.status);
    count(level, t.status);
    ordered_json& best = level["best_reward"];
    if (t.status == TrialStatus::done && (best.is_null() || t.reward > best.get<double>())) {
      best = number(t.reward);
    }
    if (!t.message.empty() && t.status != TrialStatus::done) {
      problems.push_back({{"id", t.id},
                          {"status", trial_status_name(t.status)},
                          {"attempts", t.attempts},
                          {"architecture", t.text},
                          {"message", t.message}});
    }
  }
  ordered_json out{{"trials", {{"planned", trials.size()}}}};
  out["quality"] = ordered_json::array();
  if (const std::string state = store.strategy_state(); !state.empty()) {
    try {
      const auto saved = ordered_json::parse(state);
      out["trials"]["planned"] = saved.at("planned_trials").get<std::int64_t>();
      out["quality"] = saved.at("quality");
    } catch (const ordered_json::exception& e) {
      throw Error(ErrorKind::bad_data, std::string("the saved strategy state is damaged: ") + e.what() +
                                           ". Restore the run directory from a copy, or start a new run.");
    }
  }
  out["trials"].update(totals);
  out["levels"] = ordered_json::array();
  for (const auto& [level, counts] : levels) {
    ordered_json entry{{"level", level}};
    entry.update(counts);
    out["levels"].push_back(std::move(entry));
  }
  const Trial best = best_trial(trials);
  out["best"] = best.id == 0 ? ordered_json() : describe(best);
  out["problems"] = std::move(problems);
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

std::vector<double> best_so_far(const std::vector<Trial>& trials) {
  std::vector<double> best;
  for (const Trial& t : trials) {
    if (!is_final(t.status)) {
      break;
    }
    const double reward = t.status == TrialStatus::done ? t.reward : 0.0;
    best.push_back(best.empty() ? reward : std::max(best.back(), reward));
  }
  return best;
}

std::vector<double> best_by_budget(const std::vector<Trial>& trials) {
  const std::vector<double> best = best_so_far(trials);
  const std::int64_t whole = std::max(1, whole_epochs(trials));
  std::vector<double> curve;
  std::int64_t epochs = 0;
  for (std::size_t i = 0; i < best.size(); ++i) {
    epochs += trials[i].budget.epochs;
    const auto trainings = static_cast<std::size_t>((epochs + whole - 1) / whole);
    curve.resize(std::max<std::size_t>(trainings, 1), best[i]);
    curve.back() = best[i];
  }
  return curve;
}

std::string metrics_json(const TrialStore& store) {
  const std::vector<Trial> trials = store.trials();
  std::set<Genotype> cells;
  double seconds = 0.0;
  for (const Trial& t : trials) {
    cells.insert(t.genotype);
    seconds += t.seconds;
  }
  const auto status = ordered_json::parse(status_json(store));
  ordered_json out{{"v", 1}};
  for (const char* key : {"trials", "levels", "best", "quality"}) {
    out[key] = status.at(key);
  }
  out["distinct_cells"] = cells.size();
  out["seconds"] = number(seconds);
  out["best_so_far"] = best_so_far(trials);
  const std::string test = store.meta("test_accuracy");
  out["test_accuracy"] = test.empty() ? ordered_json() : number(std::strtod(test.c_str(), nullptr));
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace bnas::nas
