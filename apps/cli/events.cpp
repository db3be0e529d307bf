// SPDX-License-Identifier: Apache-2.0
#include "cli/events.hpp"

#include <cmath>
#include <cstdio>

namespace bnas::cli {

Json json_number(double x) { return std::isfinite(x) ? Json(x) : Json(); }

Json trial_fields(const nas::Trial& trial) {
  return {{"child", trial.id},
          {"level", trial.level},
          {"cell", trial.text},
          {"status", nas::trial_status_name(trial.status)},
          {"val_acc", json_number(trial.reward)},
          {"best_epoch", trial.best_epoch},
          {"predicted", trial.predicted ? json_number(*trial.predicted) : Json()},
          {"bits", trial.cost.bits()},
          {"bytes", trial.cost.bytes()},
          {"macs_1bit", trial.cost.binary_macs},
          {"macs_fp", trial.cost.real_macs}};
}

Json quality_fields(const nas::SurrogateQuality& quality) {
  return {{"level", quality.level},
          {"fit_spearman", json_number(quality.fit_spearman)},
          {"fit_kendall", json_number(quality.fit_kendall)},
          {"extrapolation_spearman", json_number(quality.extrapolation_spearman)},
          {"extrapolation_kendall", json_number(quality.extrapolation_kendall)}};
}

std::string json_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void EventWriter::write(const char* type, const Json& fields) {
  if (!enabled_) {
    return;
  }
  Json event = {{"v", 1}, {"t", type}, {"seq", ++sequence_}};
  event.update(fields);
  const std::string line = json_text(event) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace bnas::cli
