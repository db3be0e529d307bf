// SPDX-License-Identifier: Apache-2.0
// Whole toy searches with worker processes that die, hang and lose devices in every way that the toy worker knows.
#include "bnas/nas/process_trainer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "bnas/core/error.hpp"
#include "support/toy_search.hpp"

namespace bnas::nas {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using test::outcome;
using test::Outcome;
using test::Scratch;
using test::slurp;
using test::ToySearch;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

struct ToyTask final : ChildTask {
  test::ToyTrainer toy;
  std::string fingerprint() const override { return toy.fingerprint(); }
  NetworkCost cost(const Genotype& genotype) const override { return toy.cost(genotype); }
  std::uint64_t memory(const Genotype& genotype) const override { return genotype.blocks.size() << 30; }
};

/// A toy search in worker processes.
class ProcessSearch {
 public:
  explicit ProcessSearch(Json faults = Json::array(), int places = 1, int children = 4) : search(scratch_.path()) {
    options.program = BNAS_TOY_WORKER;
    options.arguments = {"toy_worker"};
    options.children = children;
    options.restarts.delays = {0.0, 0.01, 0.02};
    options.hang_seconds = 30.0;
    setup = {{"scratch", scratch_.path().string()}, {"faults", std::move(faults)}};
    for (int i = 0; i < places; ++i) {
      const std::string name = "toy:" + std::to_string(i);
      options.places.push_back({name, "", scratch_.path() / ("worker" + std::to_string(i) + ".log")});
    }
    search.options.workers = children * places;
    search.observer.on_warning = [this](const Trial&, const std::string& text) { warnings.push_back(text); };
  }

  SearchEnd run() {
    for (WorkerPlace& place : options.places) {
      place.setup = setup.dump();
    }
    ProcessTrainer trainer(task, options);
    search.other_trainer = &trainer;
    return search.run();
  }

  std::vector<Trial> trials() const { return open_sqlite_store(search.store_file(), true)->trials(); }
  Trial trial(std::int64_t id) const { return trials().at(static_cast<std::size_t>(id - 1)); }

 private:
  Scratch scratch_;

 public:
  ToySearch search;
  ToyTask task;
  ProcessOptions options;
  Json setup;
  std::vector<std::string> warnings;  // one thread at a time
};

/// The same search in threads.
Outcome in_threads(const std::function<void(const Trial&, int)>& before_epoch = {}) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.trainer.before_epoch = before_epoch;
  EXPECT_EQ(search.run(), SearchEnd::complete);
  return outcome(search);
}

Json fault(const char* what, int child, int epoch, bool once) {
  return {{"do", what}, {"child", child}, {"epoch", epoch}, {"once", once}};
}
const Json kSlow = {{"do", "slow"}};

std::vector<pid_t> workers() {
  std::vector<pid_t> out;
  for (const auto& entry : fs::directory_iterator("/proc/self/task")) {
    std::istringstream text(slurp(entry.path() / "children"));
    for (pid_t pid = 0; text >> pid;) {
      out.push_back(pid);
    }
  }
  return out;
}

TEST(ProcessTrainer, HistoryIsThatOfThreads) {
  const Outcome expected = in_threads();
  for (const auto& [places, children] : {std::pair{1, 1}, {1, 4}, {2, 2}}) {
    ProcessSearch processes(Json::array(), places, children);
    EXPECT_EQ(processes.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(processes.search), expected) << places << " workers of " << children;
    EXPECT_THAT(processes.warnings, testing::IsEmpty());
  }
}

TEST(ProcessTrainer, LeavesNothingBehind) {
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), {}); };
  const auto before = descriptors();
  ProcessSearch processes(Json::array({fault("segv", 2, 1, true)}), 2);
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(descriptors(), before);
  EXPECT_THAT(workers(), testing::IsEmpty());
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST(ProcessTrainer, AWorkerGetsNothingOfOurs) {
  const int open_file = dup(STDERR_FILENO);  // to be inherited, if anything were
  ProcessSearch processes(Json::array({kSlow}));
  std::jthread looking([&] {
    while (workers().empty()) {
      std::this_thread::yield();
    }
    // A worker may just be starting, or reading a file of its own; what it was left with would stay.
    const std::set<std::string> standard{"0", "1", "2", "3"};
    std::set<std::string> found;
    for (int look = 0; look < 100 && found != standard; ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const std::vector<pid_t> now = workers();
      if (now.empty()) {
        break;
      }
      found.clear();
      std::error_code gone;
      for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(now[0]) + "/fd", gone)) {
        found.insert(entry.path().filename());
      }
    }
    EXPECT_EQ(found, standard);
  });
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  looking.join();
  close(open_file);
}

TEST(ProcessTrainer, OneDeathChangesNothing) {
  const Outcome expected = in_threads();
  for (const char* what : {"segv", "kill", "exit", "fault", "unclear"}) {
    ProcessSearch processes(Json::array({fault(what, 3, 2, true), kSlow}));
    EXPECT_EQ(processes.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(processes.search), expected) << what;
    EXPECT_THAT(processes.warnings, Contains(HasSubstr("going on from its checkpoint"))) << what;
  }
}

TEST(ProcessTrainer, SaysHowAWorkerDied) {
  ProcessSearch processes(Json::array({fault("exit", 3, 2, true)}), 1, 1);
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_THAT(processes.warnings, Contains(HasSubstr("toy:0 ended with exit code 99; its last words: a last word")));
  EXPECT_THAT(slurp(processes.options.places[0].log), HasSubstr("a last word"));
}

TEST(ProcessTrainer, AChildThatKillsItsWorkerEachTimeFailsAloneAndTheOthersGoOn) {
  const auto reject = [](const Trial& trial, int epoch) {
    if (trial.id == 3 && epoch == 2) {
      throw ChildRejected("rejected");
    }
  };
  const Outcome expected = in_threads(reject);
  for (const char* what : {"segv", "exit", "fault"}) {
    ProcessSearch processes(Json::array({fault(what, 3, 2, false), kSlow}));
    EXPECT_EQ(processes.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(processes.search).csv, expected.csv) << what;
    EXPECT_EQ(outcome(processes.search).children, expected.children) << what;
    const Trial failed = processes.trial(3);
    EXPECT_EQ(failed.status, TrialStatus::failed);
    EXPECT_EQ(failed.attempts, 1);
    EXPECT_THAT(failed.message, AllOf(HasSubstr("kernel fault"), HasSubstr("compute-sanitizer"))) << what;
  }
}

TEST(ProcessTrainer, ThreeSuchChildrenAreNotTakenForABadDevice) {
  ProcessSearch processes(
      Json::array({fault("fault", 2, 1, false), fault("segv", 5, 2, false), fault("exit", 7, 1, false)}));
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  for (const Trial& trial : processes.trials()) {
    const bool bad = trial.id == 2 || trial.id == 5 || trial.id == 7;
    EXPECT_EQ(trial.status, bad ? TrialStatus::failed : TrialStatus::done) << trial.id << ": " << trial.message;
  }
}

TEST(ProcessTrainer, AHangIsKilledAndCountsAsADeath) {
  const Outcome expected = in_threads();
  ProcessSearch once(Json::array({fault("hang", 3, 2, true)}));
  once.options.hang_seconds = 1.0;
  EXPECT_EQ(once.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(once.search), expected);
  EXPECT_THAT(once.warnings, Contains(AllOf(HasSubstr("no step for "), HasSubstr("threads of the worker"))));

  ProcessSearch always(Json::array({fault("hang", 3, 2, false)}));
  always.options.hang_seconds = 1.0;
  EXPECT_EQ(always.run(), SearchEnd::complete);
  EXPECT_THAT(always.trial(3).message, HasSubstr("kernel fault"));
}

TEST(ProcessTrainer, AStoppedWorkerIsAHang) {
  const Outcome expected = in_threads();
  ProcessSearch processes(Json::array({kSlow}));
  processes.options.hang_seconds = 1.0;
  std::once_flag once;
  processes.search.observer.on_epoch = [&](const Trial&, const EpochMetrics&) {
    std::call_once(once, [] { kill(workers().at(0), SIGSTOP); });
  };
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(processes.search), expected);
}

TEST(ProcessTrainer, KillingWorkersAtAnyTimeChangesNothing) {
  const Outcome expected = in_threads();
  ProcessSearch processes(Json::array({kSlow}), 2, 2);
  processes.options.restarts.delays.assign(100, 0.0);
  std::atomic<bool> over{false}, begun{false};
  processes.search.observer.on_epoch = [&](const Trial&, const EpochMetrics&) { begun = true; };
  int kills = 0;
  std::jthread killer([&] {
    while (!begun) {
      std::this_thread::yield();
    }
    for (const RandomKey key{3, 0, RandomPurpose::synthetic}; kills < 10 && !over; ++kills) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + key.below(static_cast<std::uint64_t>(2 * kills), 60)));
      const std::vector<pid_t> alive = workers();
      if (!alive.empty()) {
        kill(alive[key.below(static_cast<std::uint64_t>(2 * kills + 1), static_cast<std::uint32_t>(alive.size()))],
             SIGKILL);
      }
    }
  });
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  over = true;
  killer.join();
  EXPECT_GE(kills, 5);
  EXPECT_EQ(outcome(processes.search).csv, expected.csv);  // a child killed while alone has used an attempt
  EXPECT_EQ(outcome(processes.search).children, expected.children);
}

TEST(ProcessTrainer, ALostDeviceIsGivenUpAndItsChildrenGoToTheOthers) {
  const Outcome expected = in_threads();
  ProcessSearch processes(Json::array({fault("lost", 3, 2, true), kSlow}), 2, 2);
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(processes.search), expected);
  EXPECT_THAT(processes.warnings, Contains(HasSubstr("ECC")));
}

TEST(ProcessTrainer, WithoutADeviceTheSearchEndsAndCanBeResumed) {
  const Outcome expected = in_threads();
  for (const char* what : {"lost", "unclear", "kill"}) {
    ProcessSearch processes(Json::array({fault(what, 3, 2, false), kSlow}));
    try {
      processes.run();
      FAIL() << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::device_fault) << what;
      EXPECT_THAT(error.what(), HasSubstr("toy:0 is given up")) << what;
    }
    processes.setup["faults"] = Json::array();
    EXPECT_EQ(processes.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(processes.search).csv, expected.csv) << what;
    EXPECT_EQ(outcome(processes.search).children, expected.children) << what;
  }
}

TEST(ProcessTrainer, AFailureOfTheChildIsRetriedInTheSameWorker) {
  ProcessSearch processes(Json::array({fault("throw", 4, 2, false)}));
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(processes.trial(4).status, TrialStatus::failed);
  EXPECT_EQ(processes.trial(4).attempts, 3);
  EXPECT_EQ(processes.trial(4).message, "bad shape");
  EXPECT_THAT(processes.warnings, testing::IsEmpty());
}

TEST(ProcessTrainer, OutOfMemoryLowersConcurrencyNotResults) {
  const Outcome expected = in_threads();
  ProcessSearch processes(Json::array({fault("out_of_memory", 3, 2, true)}));
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(processes.search), expected);
  EXPECT_THAT(processes.warnings, Contains(HasSubstr("fewer children at once")));

  ProcessSearch never(Json::array({fault("out_of_memory", 3, 2, false)}));
  EXPECT_EQ(never.run(), SearchEnd::complete);
  EXPECT_EQ(never.trial(3).attempts, 1);
  EXPECT_THAT(never.trial(3).message, AllOf(HasSubstr("even alone"), HasSubstr("123456 bytes")));
}

TEST(ProcessTrainer, ChildrenWaitUntilTheirMemoryFits) {
  const Outcome expected = in_threads();
  ProcessSearch processes;  // two children of level 1 fit at once, one of level 2
  processes.setup["capacity"] = std::uint64_t{5} << 29;
  processes.setup["faults"] = Json::array({kSlow, {{"do", "out_of_memory_in_company"}, {"child", 11}}});
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(processes.search), expected);
  EXPECT_THAT(processes.warnings, testing::IsEmpty());
}

TEST(ProcessTrainer, AChildThatFitsNowhereFails) {
  ProcessSearch processes;
  processes.setup["capacity"] = std::uint64_t{3} << 29;
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(processes.trial(10).status, TrialStatus::done);
  EXPECT_EQ(processes.trial(11).status, TrialStatus::failed);  // of two blocks
  EXPECT_THAT(processes.trial(11).message, AllOf(HasSubstr("needs 2252 MiB"), HasSubstr("1536 MiB")));
}

TEST(ProcessTrainer, StopsAndResumes) {
  const Outcome expected = in_threads();
  ProcessSearch processes(Json::array({kSlow}));
  int epochs = 0;
  processes.search.observer.on_epoch = [&](const Trial&, const EpochMetrics&) {
    processes.search.stop = ++epochs >= 5;
  };
  EXPECT_EQ(processes.run(), SearchEnd::interrupted);
  processes.search.observer.on_epoch = {};
  processes.search.stop = false;
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(processes.search), expected);
}

TEST(ProcessTrainer, AWorkerThatCannotStartIsTheErrorOfTheSearch) {
  const auto error_of = [](ProcessSearch& processes) {
    try {
      processes.run();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unavailable);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  ProcessSearch refused;
  refused.setup["refuse"] = "no such device";
  EXPECT_EQ(error_of(refused), "no such device");
  ProcessSearch missing;
  missing.options.program = "/nonexistent/worker";
  EXPECT_THAT(error_of(missing), HasSubstr("exit code 127"));
  EXPECT_THAT(workers(), testing::IsEmpty());
}

TEST(ProcessTrainer, RefusesAWorkerThatTrainsSomethingElse) {
  ProcessSearch processes;
  processes.setup["seed"] = 2;
  EXPECT_THROW(processes.run(), Error);
}

TEST(ProcessTrainer, FinishesInAWorker) {
  ProcessSearch processes;
  EXPECT_EQ(processes.run(), SearchEnd::complete);
  ProcessTrainer trainer(processes.task, processes.options);
  EXPECT_EQ(trainer.descriptions(), std::vector<std::string>{"a toy"});
  const fs::path out = processes.search.directory / "best";
  Trial trial = processes.trial(2);
  EXPECT_EQ(trainer.finish(trial, processes.search.options.checkpoints / "2", out), trial.reward / 2.0);
  EXPECT_EQ(slurp(out), "1");
}

}  // namespace
}  // namespace bnas::nas
