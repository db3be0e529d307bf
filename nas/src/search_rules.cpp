// SPDX-License-Identifier: Apache-2.0
// The rules of the search loop that are pure functions of the history.
#include "bnas/nas/search_loop.hpp"

namespace bnas::nas {
namespace {

constexpr int kMaxInARow = 5;  // this many bad trials in a row are too many
constexpr int kWindow = 20;
constexpr int kMaxInWindow = 6;  // 30 % of the window; more are too many

}  // namespace

bool too_many_failures(const std::vector<Trial>& trials) {
  int in_a_row = 0;
  int in_window = 0;
  const auto bad = [](const Trial& t) { return t.status != TrialStatus::done; };
  for (std::size_t i = 0; i < trials.size() && is_final(trials[i].status); ++i) {
    in_a_row = bad(trials[i]) ? in_a_row + 1 : 0;
    in_window += bad(trials[i]) ? 1 : 0;
    if (i >= kWindow) {
      in_window -= bad(trials[i - kWindow]) ? 1 : 0;
    }
    if (in_a_row >= kMaxInARow || (i + 1 >= kWindow && in_window > kMaxInWindow)) {
      return true;
    }
  }
  return false;
}

Trial best_trial(const std::vector<Trial>& trials) {
  const Trial* best = nullptr;
  for (const Trial& t : trials) {
    if (t.status == TrialStatus::done && (best == nullptr || t.reward > best->reward)) {
      best = &t;
    }
  }
  return best == nullptr ? Trial{} : *best;
}

}  // namespace bnas::nas
