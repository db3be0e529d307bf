// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <filesystem>

#include "bnas/nas/batched_strategy.hpp"
#include "bnas/nas/history.hpp"
#include "bnas/nas/search_loop.hpp"
#include "support/fault_store.hpp"
#include "support/scratch.hpp"
#include "support/toy_surrogate.hpp"
#include "support/toy_trainer.hpp"

namespace bnas::test {

/// A whole search in milliseconds: a pnas space of two operators and two blocks; 10 cells on level 1, then 4.
struct ToySearch {
  explicit ToySearch(std::filesystem::path run_directory) : directory(std::move(run_directory)) {
    options.budget.epochs = 2;
    options.checkpoints = directory / "checkpoints";
  }

  std::filesystem::path directory;
  nas::SearchSpace space{nas::SpaceConfig::pnas({"linear", "3x3 bconv"}, 2)};
  nas::StrategyConfig strategy{.blocks = 2, .children = 4, .seed = 7};
  nas::SearchOptions options;
  nas::SearchObserver observer;
  ToyTrainer trainer;
  nas::ChildTrainer* other_trainer = nullptr;  ///< takes the place of `trainer`
  std::atomic<bool> stop{false};

  std::filesystem::path store_file() const { return directory / "run.sqlite"; }

  /// Runs or resumes, as a program would: store, fresh strategy, loop, exports.
  nas::SearchEnd run(const std::function<void(FaultStore&)>& arm = [](FaultStore&) {}) {
    const auto store = nas::open_sqlite_store(store_file());
    FaultStore faulty(*store);
    arm(faulty);
    const auto strategy_now = nas::make_strategy(strategy, space, std::make_unique<ToySurrogate>());
    const auto text = [this](const nas::Genotype& g) { return space.text(g); };
    const nas::SearchEnd end = nas::run_search(*strategy_now, other_trainer == nullptr ? trainer : *other_trainer,
                                               faulty, text, options, observer, stop);
    writes = faulty.writes();
    nas::export_history(store->trials(), space, directory);
    return end;
  }

  int writes = 0;  ///< of the last run
};

/// Everything about a run that must not depend on workers, kills or time.
struct Outcome {
  std::string csv;
  std::string text;
  std::string trials;
  std::string best;
  std::map<std::string, std::string> children;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

inline Outcome outcome(const ToySearch& search) {
  const auto store = nas::open_sqlite_store(search.store_file(), true);
  Outcome o{slurp(search.directory / "train_history.csv"),
            slurp(search.directory / "architectures.txt"),
            {},
            {},
            slurp_tree(search.options.checkpoints)};
  const std::vector<nas::Trial> trials = store->trials();
  for (const nas::Trial& t : trials) {
    o.trials += fmt::format("{} {} {} {} {} {} {} {:a} {:a} {} {}|", t.id, t.batch, t.level, t.rank, t.text,
                            nas::trial_status_name(t.status), t.attempts, t.reward, t.predicted.value_or(-1.0),
                            t.best_epoch, t.message);
    for (const nas::EpochMetrics& m : t.curve) {
      o.trials += fmt::format(" {} {:a} {:a}", m.epoch, m.train_loss, m.valid_accuracy);
    }
    o.trials += '\n';
  }
  o.trials += store->strategy_state();
  o.best = nas::best_trial(trials).text;
  return o;
}

}  // namespace bnas::test
