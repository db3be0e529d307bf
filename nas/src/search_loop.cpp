// SPDX-License-Identifier: Apache-2.0
// The commit points are the store's writes; everything else is recomputed from them, so that a kill between any two
// costs at most what a child did since its last checkpoint:
//   batch queued + state after ask  ->  each trial finished  ->  state after tell + round counted  ->  next batch
#include "bnas/nas/search_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <thread>

#include "bnas/core/error.hpp"
#include "bnas/core/trace.hpp"
#include "worker_round.hpp"

namespace bnas::nas {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPoll{100};  // between looks at what other processes finished

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class SearchRun {
 public:
  SearchRun(Strategy& strategy, ChildTrainer& trainer, TrialStore& store,
            const std::function<std::string(const Genotype&)>& text, const SearchOptions& options,
            const SearchObserver& observer, const std::atomic<bool>& stop)
      : strategy_(strategy),
        trainer_(trainer),
        store_(store),
        text_(text),
        options_(options),
        observer_(observer),
        stop_(stop) {}

  SearchEnd run() {
    const TraceRange range(TraceCategory::search, "search");
    check(options_.workers >= 1 && options_.max_attempts >= 1 && options_.lease_seconds > 0.0, "run_search",
          "workers, max_attempts and lease_seconds must be positive");
    resume();
    while (batch_open() || enqueue(strategy_.ask())) {
      if (const auto end = measure()) {
        return *end;
      }
      tell();
    }
    return SearchEnd::complete;
  }

 private:
  void resume() {
    const std::string fingerprint = trainer_.fingerprint();
    const std::string known = store_.meta("trainer");
    if (known.empty()) {
      store_.set_meta("trainer", fingerprint);
    } else if (known != fingerprint) {
      throw Error(ErrorKind::usage, fmt::format("this run was trained with '{}', now it is '{}'. Results would not be "
                                                "comparable: resume as it was, or start a new run.",
                                                known, fingerprint));
    }
    store_.requeue_expired(true);
    if (options_.retry_failed) {
      store_.requeue_failed();
    }
    told_ = store_.batches_told();
    trials_ = store_.trials();
    for (const Trial& t : trials_) {
      if (const std::string text = text_(t.genotype); t.text != text) {
        throw Error(ErrorKind::bad_data, fmt::format("trial {} is stored as {}, but its cell is {}. The run directory "
                                                     "belongs to another search space, or is damaged.",
                                                     t.id, t.text, text));
      }
    }
    if (const std::string state = store_.strategy_state(); !state.empty()) {
      strategy_.restore(state);
    }
  }

  /// Whether the last batch has still to be measured or told.
  bool batch_open() const { return !trials_.empty() && trials_.back().batch > told_; }

  bool enqueue(const std::vector<Proposal>& proposals) {
    if (proposals.empty()) {
      return false;
    }
    std::vector<Trial> batch;
    std::map<int, int> ranks;  // trials so far, by level
    for (const Trial& t : trials_) {
      ++ranks[t.level];
    }
    for (const Proposal& p : proposals) {
      Trial& t = batch.emplace_back();
      t.id = static_cast<std::int64_t>(trials_.size() + batch.size());
      t.level = p.level;
      t.rank = ++ranks[p.level];
      t.batch = told_ + 1;
      t.genotype = p.genotype;
      t.text = text_(p.genotype);
      t.budget = options_.budget;
      t.budget.epochs = std::max(1, static_cast<int>(std::lround(p.effort * options_.budget.epochs)));
      t.predicted = p.predicted;
    }
    if (const auto scores = strategy_.scores(); observer_.on_scores && !scores.empty()) {
      observer_.on_scores(batch.front().level, scores);
    }
    store_.enqueue(batch, strategy_.state());
    trials_.insert(trials_.end(), batch.begin(), batch.end());
    if (observer_.on_batch) {
      observer_.on_batch(batch.front().level, static_cast<std::int64_t>(batch.size()));
    }
    return true;
  }

  /// Trains what is left of the batch; the reason if the search must end before that.
  std::optional<SearchEnd> measure() {
    for (;;) {
      const auto open =
          std::count_if(trials_.begin(), trials_.end(), [](const Trial& t) { return !is_final(t.status); });
      if (too_many_failures(trials_)) {
        return SearchEnd::too_many_failures;
      }
      if (open == 0) {
        return std::nullopt;
      }
      if (stop_) {
        return SearchEnd::interrupted;
      }
      if (out_of_time()) {
        return SearchEnd::out_of_time;
      }
      const auto halt = [this] { return stop_ || out_of_time(); };
      WorkerRound round(trainer_, store_, options_, observer_, halt, trials_);
      if (round.run(std::min<std::int64_t>(options_.workers, open)) ==
          0) {  // what is left is with workers of other processes
        std::this_thread::sleep_for(kPoll);
        store_.requeue_expired(false);
        trials_ = store_.trials();
      }
    }
  }

  void tell() {
    const auto first = std::find_if(trials_.begin(), trials_.end(), [&](const Trial& t) { return t.batch > told_; });
    strategy_.tell({first, trials_.end()});
    store_.save_strategy(strategy_.state(), ++told_);
    if (const auto quality = strategy_.quality(); observer_.on_quality && !quality.empty()) {
      observer_.on_quality(quality.back());
    }
  }

  bool out_of_time() const { return options_.max_seconds > 0.0 && seconds_since(start_) >= options_.max_seconds; }

  Strategy& strategy_;
  ChildTrainer& trainer_;
  TrialStore& store_;
  const std::function<std::string(const Genotype&)>& text_;
  const SearchOptions& options_;
  const SearchObserver& observer_;
  const std::atomic<bool>& stop_;
  const Clock::time_point start_ = Clock::now();

  std::vector<Trial> trials_;  // as the store has them; except that running ones may look queued
  int told_ = 0;               // batches
};

}  // namespace

SearchEnd run_search(Strategy& strategy, ChildTrainer& trainer, TrialStore& store,
                     const std::function<std::string(const Genotype&)>& text, const SearchOptions& options,
                     const SearchObserver& observer, const std::atomic<bool>& stop) {
  return SearchRun(strategy, trainer, store, text, options, observer, stop).run();
}

}  // namespace bnas::nas
