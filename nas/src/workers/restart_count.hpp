// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "bnas/nas/process_trainer.hpp"

namespace bnas::nas {

/// The deaths of one worker, in seconds of any steady clock.
class RestartCount {
 public:
  explicit RestartCount(RestartRule rule) : rule_(std::move(rule)) {}

  /// Seconds to wait before it is started again; nothing when it died too often.
  std::optional<double> died(double now) {
    std::erase_if(deaths_, [&](double then) { return now - then > rule_.window; });
    deaths_.push_back(now);
    if (deaths_.size() > rule_.delays.size()) {
      return std::nullopt;
    }
    return rule_.delays[deaths_.size() - 1];
  }
  /// Their cause is known and gone.
  void forgive() { deaths_.clear(); }

 private:
  RestartRule rule_;
  std::vector<double> deaths_;
};

}  // namespace bnas::nas
