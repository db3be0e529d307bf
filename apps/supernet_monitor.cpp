// SPDX-License-Identifier: Apache-2.0
#include "supernet_monitor.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "bnas/core/error.hpp"
#include "cli/format.hpp"

namespace bnas::cli {
namespace {

/// A single path costs this share of the whole supernet, until one has been timed.
constexpr double kTrialShare = 0.2;

}  // namespace

std::string event_text(const Json& event) {
  const auto kind = event.at("event").get<std::string>();
  if (kind == "epoch") {
    return fmt::format("{} {}: loss {:.3f}, train {}, valid {}",
                       event.at("architecture").get<bool>() ? "supernet" : "weights only", event.at("epoch").get<int>(),
                       event.at("loss").get<double>(), percent_text(event.at("accuracy").get<double>()),
                       percent_text(event.at("valid_accuracy").get<double>()));
  }
  const int round = event.at("round").get<int>();
  if (kind == "trial") {
    return fmt::format("round {}, trial {}: score {:.4f}", round, event.at("trial").get<int>() + 1,
                       event.at("score").get<double>());
  }
  if (kind == "round") {
    return fmt::format("round {}: {} operations on each edge", round, event.at("left").get<int>());
  }
  return fmt::format("round {}: one operation removed from each of 28 edges", round);
}

std::vector<std::string> history_lines(const nas::TrialStore& store) {
  std::vector<std::string> lines;
  const std::string text = store.strategy_state();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

bool is_unit(const Json& event) {
  const std::string kind = event.is_object() ? event.value("event", "") : "";
  return kind == "epoch" || kind == "trial";
}

SupernetMonitor::SupernetMonitor(nas::TrialStore& store, nas::EpochLedger ledger, Settings settings)
    : store_(store),
      ledger_(ledger),
      settings_(std::move(settings)),
      stored_(history_lines(store)),
      events_(settings_.json),
      log_(settings_.log_files, std::min(settings_.verbosity, 0),
           [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }) {
  log_.write(LogLevel::info, settings_.title);
  if (settings_.verbosity >= 0) {
    std::fprintf(stderr, "%s\n", settings_.title.c_str());
  }
}

double SupernetMonitor::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

std::string SupernetMonitor::progress() const {
  return fmt::format("{} of {} epochs", supernet_ + trials_, ledger_.all());
}

void SupernetMonitor::on_event(const std::string& line) {
  const Json event = Json::parse(line);
  const bool known = seen_ < stored_.size();
  if (known && stored_[seen_] != line) {
    throw Error(ErrorKind::bad_data, fmt::format("event {} of the search is not the one in its store: the checkpoint "
                                                 "in checkpoints/supernet belongs to another run",
                                                 seen_ + 1));
  }
  if (!known) {
    stored_.push_back(line);
    std::string all;
    for (const std::string& each : stored_) {
      all += each + "\n";
    }
    store_.save_strategy(all, static_cast<int>(stored_.size()));
  }
  ++seen_;
  const auto now = std::chrono::steady_clock::now();
  const double took = std::chrono::duration<double>(now - last_).count();
  if (is_unit(event)) {
    const bool trial = event.at("event") == "trial";
    (trial ? trials_ : supernet_) += 1;
    if (!known) {
      (trial ? trials_here_ : supernet_here_) += 1;
      (trial ? trial_seconds_ : supernet_seconds_) += took;
    }
  }
  last_ = now;
  if (!known) {
    show(event);
  }
}

void SupernetMonitor::show(const Json& event) {
  const std::string text = event_text(event);
  log_.write(LogLevel::info, text);
  Json fields = event;
  fields.erase("event");
  events_.write(event.at("event").get<std::string>().c_str(), fields);
  const bool decision = !is_unit(event);
  if (settings_.verbosity > 0 || (settings_.verbosity == 0 && !decision)) {
    std::fprintf(stderr, "%3d/%d  %s%s\n", supernet_ + trials_, ledger_.all(), text.c_str(), left().c_str());
  }
}

/// What is left by the time that epochs of either kind have taken.
std::string SupernetMonitor::left() const {
  if (supernet_here_ + trials_here_ == 0) {
    return "";
  }
  const double supernet =
      supernet_here_ > 0 ? supernet_seconds_ / supernet_here_ : trial_seconds_ / trials_here_ / kTrialShare;
  const double trial = trials_here_ > 0 ? trial_seconds_ / trials_here_ : supernet * kTrialShare;
  const double seconds = (ledger_.supernet - supernet_) * supernet + (ledger_.trials - trials_) * trial;
  return seconds < 1.0 ? "" : ", " + clock_text(seconds) + " left";
}

}  // namespace bnas::cli
