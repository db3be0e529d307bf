// SPDX-License-Identifier: Apache-2.0
// The search loop with its worker threads; also run under ThreadSanitizer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <new>
#include <set>
#include <thread>

#include "bnas/core/error.hpp"
#include "support/toy_search.hpp"

namespace bnas::nas {
namespace {

using test::FaultStore;
using test::outcome;
using test::Outcome;
using test::Scratch;
using test::ToySearch;
using testing::HasSubstr;

constexpr std::size_t kTrials = 14;  // of a whole toy search: 10 + 4

Outcome reference() {
  Scratch scratch;
  ToySearch search(scratch.path());
  EXPECT_EQ(search.run(), SearchEnd::complete);
  return outcome(search);
}

std::vector<Trial> trials_of(const ToySearch& search) { return open_sqlite_store(search.store_file(), true)->trials(); }

TEST(Scheduler, HistoryDoesNotDependOnWorkers) {
  const Outcome expected = reference();
  EXPECT_EQ(expected.children.size(), kTrials);
  for (const int workers : {1, 2, 4}) {
    Scratch scratch;
    ToySearch search(scratch.path());
    search.options.workers = workers;
    search.trainer.before_epoch = [](const Trial& t, int) {  // finish out of order
      std::this_thread::sleep_for(std::chrono::microseconds(t.id % 3 == 0 ? 3000 : 200));
    };
    EXPECT_EQ(search.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(search), expected) << workers << " workers";
  }
}

TEST(Scheduler, AnotherSeedIsAnotherHistory) {
  const Outcome expected = reference();
  Scratch scratch;
  ToySearch search(scratch.path());
  search.trainer = test::ToyTrainer(2);
  search.run();
  EXPECT_NE(outcome(search).csv, expected.csv);
}

TEST(Scheduler, WorkersReallyRunAtOnce) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.options.workers = 3;
  std::mutex mutex;
  std::condition_variable all_here;
  std::set<std::int64_t> inside;
  search.trainer.before_epoch = [&](const Trial& t, int) {
    std::unique_lock lock(mutex);
    inside.insert(t.id);
    all_here.notify_all();
    // The first three trials wait for each other: with fewer threads this would time out.
    EXPECT_TRUE(all_here.wait_for(lock, std::chrono::seconds(20), [&] { return inside.size() >= 3; }));
  };
  EXPECT_EQ(search.run(), SearchEnd::complete);
}

TEST(Scheduler, RunningACompleteSearchAgainChangesNothing) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.run();
  const Outcome before = outcome(search);
  search.trainer.before_epoch = [](const Trial&, int) { FAIL() << "trained again"; };
  EXPECT_EQ(search.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(search), before);
}

TEST(Scheduler, RetriesExceptionsAndForgetsThem) {
  const Outcome expected = reference();
  for (const int workers : {1, 3}) {
    Scratch scratch;
    ToySearch search(scratch.path());
    search.options.workers = workers;
    search.trainer.before_epoch = [](const Trial& t, int epoch) {
      if (t.id == 3 && epoch == 2 && t.attempts < 3) {
        throw std::runtime_error("lost the device");
      }
      if (t.id == 5 && t.attempts == 1) {
        throw std::bad_alloc();
      }
      if (t.id == 6 && t.attempts == 1) {
        throw 42;
      }
    };
    EXPECT_EQ(search.run(), SearchEnd::complete);
    EXPECT_EQ(trials_of(search)[2].attempts, 3);
    EXPECT_EQ(trials_of(search)[4].attempts, 2);
    EXPECT_EQ(outcome(search).csv, expected.csv);
    EXPECT_EQ(outcome(search).children, expected.children);
  }
}

TEST(Scheduler, FailsAfterTheLastAttemptAndGoesOn) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.options.workers = 2;
  search.trainer.before_epoch = [](const Trial& t, int epoch) {
    if (t.id == 4 && epoch == 2) {
      throw std::runtime_error("bad shape");
    }
  };
  EXPECT_EQ(search.run(), SearchEnd::complete);
  const std::vector<Trial> trials = trials_of(search);
  EXPECT_EQ(trials.size(), kTrials);
  EXPECT_EQ(trials[3].status, TrialStatus::failed);
  EXPECT_EQ(trials[3].attempts, 3);
  EXPECT_EQ(trials[3].message, "bad shape");
  EXPECT_EQ(trials[3].reward, 0.0);
  EXPECT_TRUE(trials[3].curve.empty());
}

TEST(Scheduler, DivergedAndNonsenseRewardsGoOn) {
  class Nonsense final : public ChildTrainer {
   public:
    explicit Nonsense(test::ToyTrainer& inner) : inner_(inner) {}
    std::string fingerprint() const override { return "nonsense"; }
    NetworkCost cost(const Genotype& g) const override { return inner_.cost(g); }
    Trial train(const Trial& trial, const ChildContext& context) override {
      Trial result = inner_.train(trial, context);
      result.id = 99;  // who a trial is, is not the trainer's to say
      result.text = "[]";
      result.reward = trial.id == 2 ? std::nan("") : result.reward;
      result.status = trial.id == 7 ? TrialStatus::queued : result.status;
      return result;
    }

   private:
    test::ToyTrainer& inner_;
  };
  Scratch scratch;
  ToySearch search(scratch.path());
  search.trainer.diverges = [](const Trial& t) { return t.id == 5; };
  Nonsense trainer(search.trainer);
  const auto store = open_sqlite_store(search.store_file());
  const auto strategy = make_strategy(search.strategy, search.space, std::make_unique<test::ToySurrogate>());
  EXPECT_EQ(run_search(
                *strategy, trainer, *store, [&](const Genotype& g) { return search.space.text(g); }, search.options, {},
                search.stop),
            SearchEnd::complete);
  const std::vector<Trial> trials = store->trials();
  EXPECT_EQ(trials[1].status, TrialStatus::diverged);
  EXPECT_EQ(trials[1].reward, 0.0);
  EXPECT_EQ(trials[4].status, TrialStatus::diverged);
  EXPECT_THAT(trials[4].message, HasSubstr("nan"));
  EXPECT_EQ(trials[6].status, TrialStatus::failed);
  EXPECT_EQ(trials[0].status, TrialStatus::done);
  EXPECT_EQ(trials[0].text, search.space.text(trials[0].genotype));
}

TEST(Scheduler, EndsWithTooManyFailuresForAnyNumberOfWorkers) {
  for (const int workers : {1, 4}) {
    Scratch scratch;
    ToySearch search(scratch.path());
    search.options.workers = workers;
    bool broken = true;
    search.trainer.before_epoch = [&](const Trial& t, int) {
      if (broken && t.id >= 3) {
        throw std::runtime_error("no such device");
      }
    };
    EXPECT_EQ(search.run(), SearchEnd::too_many_failures);
    EXPECT_EQ(search.run(), SearchEnd::too_many_failures) << "resuming alone does not help";
    EXPECT_EQ(trials_of(search).size(), 10U) << "the second level must not have been asked for";
    broken = false;
    search.options.retry_failed = true;
    EXPECT_EQ(search.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(search).csv, reference().csv);
  }
}

TEST(Scheduler, InterruptionIsNoFailureAndResumes) {
  const Outcome expected = reference();
  for (const int workers : {1, 3}) {
    Scratch scratch;
    ToySearch search(scratch.path());
    search.options.workers = workers;
    std::atomic<int> epochs{0};
    search.trainer.before_epoch = [&](const Trial&, int) {
      if (++epochs == 7) {
        search.stop = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    };
    EXPECT_EQ(search.run(), SearchEnd::interrupted);
    for (const Trial& t : trials_of(search)) {
      EXPECT_NE(t.status, TrialStatus::running);
      EXPECT_TRUE(is_final(t.status) || t.attempts == 0);
    }
    search.stop = false;
    EXPECT_EQ(search.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(search), expected);
  }
}

TEST(Scheduler, ATrainerThatLeavesUnaskedFailed) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.trainer.before_epoch = [](const Trial& t, int) {
    if (t.id == 2) {
      throw Interrupted();
    }
  };
  EXPECT_EQ(search.run(), SearchEnd::complete);
  EXPECT_EQ(trials_of(search)[1].status, TrialStatus::failed);
}

TEST(Scheduler, StopsInTimeAndResumes) {
  const Outcome expected = reference();
  Scratch scratch;
  ToySearch search(scratch.path());
  search.options.max_seconds = 1e-3;
  search.trainer.before_epoch = [](const Trial&, int) { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
  EXPECT_EQ(search.run(), SearchEnd::out_of_time);
  search.options.max_seconds = 0.0;
  EXPECT_EQ(search.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(search), expected);
}

void expect_search_ends_by(ErrorKind kind) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.options.workers = 3;
  search.trainer.before_epoch = [kind](const Trial& t, int) {
    if (t.id == 4 && t.attempts == 1) {
      throw Error(kind, "checkpoint: reason");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  try {
    search.run();
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    EXPECT_STREQ(error.what(), "checkpoint: reason");
  }
  const std::vector<Trial> trials = trials_of(search);
  EXPECT_EQ(trials[3].status, TrialStatus::queued);
  EXPECT_EQ(trials[3].attempts, 0);
  search.trainer.before_epoch = nullptr;
  EXPECT_EQ(search.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(search), reference());
}

TEST(Scheduler, AFullDiskInATrainerEndsTheSearch) { expect_search_ends_by(ErrorKind::io); }

TEST(Scheduler, ADamagedCheckpointEndsTheSearchAndLosesNothing) { expect_search_ends_by(ErrorKind::bad_data); }

TEST(Scheduler, AFaultOfTheDeviceEndsTheSearchAndBlamesNoChild) { expect_search_ends_by(ErrorKind::device_fault); }

TEST(Scheduler, EveryStoreWriteMayFindTheDiskFull) {
  const Outcome expected = reference();
  Scratch counted;
  ToySearch whole(counted.path());
  whole.run();
  for (int n = 1; n <= whole.writes; n += 3) {  // 3 does not divide the 4 writes of a child: all kinds are hit
    Scratch scratch;
    ToySearch search(scratch.path());
    search.options.workers = 2;
    const auto full_disk = [n](FaultStore& store) {
      store.before = [n](int write) {
        if (write >= n) {
          throw Error(ErrorKind::io, "store: disk full");
        }
      };
    };
    try {
      search.run(full_disk);
      // Two workers may need a write less than one: then nothing failed.
      EXPECT_GE(n, whole.writes - 2);
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "store: disk full");
    }
    EXPECT_EQ(search.run(), SearchEnd::complete);
    EXPECT_EQ(outcome(search), expected) << "write " << n;
  }
}

TEST(Scheduler, ErrorsOfTheObserverAreNotTheChilds) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.options.workers = 2;
  search.observer.on_epoch = [](const Trial& t, const EpochMetrics&) {
    if (t.id == 3) {
      throw std::logic_error("observer");
    }
  };
  EXPECT_THROW(search.run(), std::logic_error);
  EXPECT_EQ(trials_of(search)[2].attempts, 0);
}

TEST(Scheduler, ObserverIsCalledByOneThreadAtATime) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.options.workers = 4;
  std::atomic<int> inside{0};
  std::vector<std::string> events;  // unguarded: ThreadSanitizer would tell
  const auto enter = [&](const std::string& event) {
    EXPECT_EQ(++inside, 1);
    events.push_back(event);
    std::this_thread::yield();
    --inside;
  };
  search.observer.on_batch = [&](int level, std::int64_t n) { enter("batch " + std::to_string(level * 100 + n)); };
  search.observer.on_start = [&](const Trial&) { enter("start"); };
  search.observer.on_epoch = [&](const Trial&, const EpochMetrics&) { enter("epoch"); };
  search.observer.on_trial = [&](const Trial& t) { enter(is_final(t.status) ? "trial" : "unfinished"); };
  search.observer.on_quality = [&](const SurrogateQuality& q) { enter("quality " + std::to_string(q.level)); };
  search.run();
  const auto count = [&](const std::string& e) { return std::count(events.begin(), events.end(), e); };
  EXPECT_EQ(count("batch 110"), 1);
  EXPECT_EQ(count("batch 204"), 1);
  EXPECT_EQ(count("start"), 14);
  EXPECT_EQ(count("epoch"), 28);
  EXPECT_EQ(count("trial"), 14);
  EXPECT_EQ(count("quality 1"), 1);
  EXPECT_EQ(count("quality 2"), 1);
}

TEST(Scheduler, LeasesAreRenewedWhileAChildTrains) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.options.workers = 2;
  search.options.lease_seconds = 0.15;
  std::atomic<bool> slept{false};
  search.trainer.before_epoch = [&](const Trial& t, int epoch) {
    if (t.id == 1 && epoch == 2) {
      const auto other = open_sqlite_store(search.store_file());
      for (int i = 0; i < 40; ++i) {  // four lease times
        std::this_thread::sleep_for(std::chrono::milliseconds(15));
        slept = slept || i == 39;
      }
      EXPECT_EQ(other->trials()[0].status, TrialStatus::running);
    }
  };
  EXPECT_EQ(search.run(), SearchEnd::complete);
  EXPECT_TRUE(slept);
  EXPECT_EQ(trials_of(search)[0].attempts, 1);
}

TEST(Scheduler, AFencedOffChildLeavesItsResultToOthers) {
  Scratch scratch;
  ToySearch search(scratch.path());
  std::optional<Claim> stolen;
  const auto other = open_sqlite_store(search.store_file());
  search.trainer.before_epoch = [&](const Trial& t, int epoch) {
    if (t.id == 2 && epoch == 2 && !stolen) {
      other->requeue_expired(true);
      stolen = other->claim("thief", 60.0);
    }
  };
  search.observer.on_trial = [&](const Trial& t) {
    EXPECT_NE(t.id, 2);
    if (t.id == 10) {  // the last of the level: now the other process reports
      Trial result = stolen->trial;
      result.status = TrialStatus::done;
      result.reward = 0.125;
      EXPECT_TRUE(other->finish(*stolen, result));
    }
  };
  EXPECT_EQ(search.run(), SearchEnd::complete);
  EXPECT_EQ(trials_of(search)[1].reward, 0.125);
}

TEST(Scheduler, TakesOverWhatADeadWorkerLeft) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.stop = true;
  EXPECT_EQ(search.run(), SearchEnd::interrupted);
  ASSERT_TRUE(open_sqlite_store(search.store_file())->claim("dead", 1e9));
  search.stop = false;
  EXPECT_EQ(search.run(), SearchEnd::complete);
  EXPECT_EQ(outcome(search), reference());
}

TEST(Scheduler, RefusesAnotherTrainerSpaceOrStrategy) {
  Scratch scratch;
  ToySearch search(scratch.path());
  search.stop = true;
  search.run();
  search.stop = false;
  const auto refusal = [&](const std::function<void(ToySearch&)>& change) -> std::string {
    ToySearch other(scratch.path());
    change(other);
    try {
      other.run();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal([](ToySearch& s) { s.trainer = test::ToyTrainer(2); }), HasSubstr("'toy 1', now it is 'toy 2'"));
  EXPECT_THAT(refusal([](ToySearch& s) {
                s.space = SearchSpace(SpaceConfig::pnas({"3x3 bconv", "linear"}, 2));
              }),
              HasSubstr("trial 1 is stored as"));
  EXPECT_THAT(refusal([](ToySearch& s) { s.strategy.children = 5; }), HasSubstr("children = 4, now it is 5"));
  EXPECT_EQ(search.run(), SearchEnd::complete);
}

}  // namespace
}  // namespace bnas::nas
