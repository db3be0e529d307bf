// SPDX-License-Identifier: Apache-2.0
#include "train_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bnas/nas/statistics.hpp"
#include "cli/curve.hpp"
#include "cli/format.hpp"
#include "cli/progress.hpp"

namespace bnas::cli {
namespace {

nas::Interval interval_of(const TrainingResult& result, std::size_t i) {
  const auto n = static_cast<double>(result.test_images);
  return nas::wilson_interval(std::llround(result.test_accuracy[i] * n), result.test_images);
}

std::string interval_text(const nas::Interval& interval) {
  return fmt::format("{:.2f} to {}", 100.0 * interval.low, percent_text(interval.high));
}

std::vector<double> rewards(const TrainingResult& result) {
  std::vector<double> out;
  for (const nas::Trial& trial : result.trials) {
    out.push_back(trial.reward);
  }
  return out;
}

std::string spread_text(const std::vector<double>& values) {
  const nas::Spread spread = nas::spread_of(values);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{} mean, {:.2f} % standard deviation, {:.2f} to {}", percent_text(spread.mean),
                     100.0 * spread.deviation, 100.0 * *low, percent_text(*high));
}

std::string repeats_table(const TrainingResult& result) {
  std::vector<std::vector<std::string>> rows = {
      {"repeat", result.hold_out ? "validation" : "training", "epoch", "test", "95 % interval"}};
  for (std::size_t i = 0; i < result.trials.size(); ++i) {
    const nas::Trial& trial = result.trials[i];
    rows.push_back({std::to_string(trial.id), percent_text(trial.reward), std::to_string(trial.best_epoch),
                    percent_text(result.test_accuracy[i]), interval_text(interval_of(result, i))});
  }
  return table_text(rows, std::vector<bool>(rows[0].size(), false));
}

}  // namespace

std::string training_text(const TrainingResult& result, const Terminal& terminal, int columns) {
  const nas::Trial& best = result.trials[result.best];
  const char* chosen = result.hold_out ? "Validation" : "Training  ";
  std::string out = curve_plot(best, terminal, columns);
  out += fmt::format("\nCell        {}\nNetwork     {}\n", wrapped_list(escaped(best.text), 12), cost_text(best.cost));
  if (result.trials.size() > 1) {
    out.append("\n").append(repeats_table(result)).append("\n");
    out += fmt::format("{}  {}\n", chosen, spread_text(rewards(result)));
    out += fmt::format("Test        {}\n", spread_text(result.test_accuracy));
  } else {
    out += fmt::format("{}  {}  ({} epoch, {})\n", chosen, percent_text(best.reward), result.hold_out ? "best" : "last",
                       best.best_epoch);
    out += fmt::format("Test        {}  (95 % interval {}; {} images, measured once)\n",
                       percent_text(result.test_accuracy[result.best]), interval_text(interval_of(result, result.best)),
                       grouped(std::to_string(result.test_images)));
  }
  out += fmt::format("Weights     {0}/best/weights.safetensors  (packed)\n", result.run);
  out += fmt::format("            {0}/best/latent.safetensors  (floats, to train on)\n", result.run);
  out +=
      fmt::format("            {0}/best/last-weights.safetensors, last-latent.safetensors  (last epoch)\n", result.run);
  return out + fmt::format("Curve       {}/curve.csv\n", result.run);
}

Json training_fields(const TrainingResult& result) {
  Json repeats = Json::array();
  for (std::size_t i = 0; i < result.trials.size(); ++i) {
    Json entry = trial_fields(result.trials[i]);
    const nas::Interval interval = interval_of(result, i);
    entry["test_acc"] = json_number(result.test_accuracy[i]);
    entry["test_acc_95"] = {interval.low, interval.high};
    repeats.push_back(std::move(entry));
  }
  Json out = {{"run", result.run}, {"test_images", result.test_images}, {"hold_out", result.hold_out}};
  if (!result.trials.empty()) {
    const nas::Spread test = nas::spread_of(result.test_accuracy), reward = nas::spread_of(rewards(result));
    out.update({{"best", result.trials[result.best].id},
                {"test_acc", json_number(test.mean)},
                {"test_acc_sd", json_number(test.deviation)},
                {result.hold_out ? "val_acc" : "train_acc", json_number(reward.mean)},
                {result.hold_out ? "val_acc_sd" : "train_acc_sd", json_number(reward.deviation)}});
  }
  out["repeats"] = std::move(repeats);
  return out;
}

}  // namespace bnas::cli
