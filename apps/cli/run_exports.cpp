// SPDX-License-Identifier: Apache-2.0
#include "cli/run_exports.hpp"

#include <fmt/format.h>

#include "bnas/core/io/file.hpp"
#include "bnas/nas/event_file.hpp"
#include "bnas/nas/report.hpp"
#include "cli/events.hpp"

namespace bnas::cli {
namespace {

constexpr char kEventName[] = "events.out.tfevents.0000000000.bnas";  // readers ask for "tfevents" in the name

void write_events(const std::filesystem::path& directory, const nas::EventFile& events) {
  make_directories(directory);
  write_file_atomic(directory / kEventName, std::string_view(events.bytes()));
}

}  // namespace

RunExports::RunExports(std::filesystem::path root, const nas::SearchSpace* space,
                       std::optional<nas::SurrogateConfig> surrogate,
                       const std::optional<nas::SurrogateRecord>& earlier, const nas::TrialStore& store)
    : root_(std::move(root)), space_(space), surrogate_(std::move(surrogate)), store_(store) {
  if (earlier) {
    earlier_ = {earlier->cells, earlier->rewards};
  }
}

void RunExports::scores(int level, std::span<const nas::ScoredCell> cells) const {
  write_file_atomic(root_ / fmt::format("scores_{}.csv", level), std::string_view(nas::scores_csv(cells, *space_)));
}

void RunExports::history(const std::vector<nas::Trial>& trials) const {
  if (space_ != nullptr) {
    nas::export_history(trials, *space_, root_);
  }
}

void RunExports::child(const nas::Trial& trial, const std::vector<nas::Trial>& trials) const {
  nas::EventFile events;
  for (const nas::EpochMetrics& m : trial.curve) {
    events.scalar("epoch/train_loss", m.epoch, m.train_loss);
    events.scalar("epoch/train_accuracy", m.epoch, m.train_accuracy);
    events.scalar("epoch/valid_accuracy", m.epoch, m.valid_accuracy);
    events.scalar("epoch/learning_rate", m.epoch, m.learning_rate);
  }
  write_events(root_ / "events" / fmt::format("child-{:04}", trial.id), events);
  history(trials);
}

void RunExports::all() const {
  const std::vector<nas::Trial> trials = store_.trials();
  history(trials);
  const std::string metrics = nas::metrics_json(store_);
  write_file_atomic(root_ / "metrics.json", std::string_view(metrics));
  write_search_events(trials, metrics);
  if (surrogate_) {
    const nas::SurrogateRecord record = nas::record_surrogate(*surrogate_, space_->config(), trials, earlier_);
    write_file_atomic(root_ / "surrogate.json", std::string_view(to_json(record)));
  }
}

void RunExports::write_search_events(const std::vector<nas::Trial>& trials, const std::string& metrics) const {
  nas::EventFile events;
  const std::vector<double> best = nas::best_so_far(trials);
  for (std::size_t i = 0; i < best.size(); ++i) {
    if (trials[i].status == nas::TrialStatus::done) {
      events.scalar("child/valid_accuracy", trials[i].id, trials[i].reward);
    }
    if (trials[i].predicted) {
      events.scalar("child/predicted", trials[i].id, *trials[i].predicted);
    }
    events.scalar("best/valid_accuracy", trials[i].id, best[i]);
  }
  const Json parsed = Json::parse(metrics);  // outlives the loop over its part
  for (const Json& level : parsed.at("quality")) {
    for (const char* key : {"fit_spearman", "fit_kendall", "extrapolation_spearman", "extrapolation_kendall"}) {
      if (level.at(key).is_number()) {
        events.scalar(std::string("surrogate/") + key, level.at("level").get<int>(), level.at(key).get<double>());
      }
    }
  }
  write_events(root_ / "events" / "search", events);
}

}  // namespace bnas::cli
