// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/trial_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <limits>
#include <set>
#include <thread>

#include "bnas/core/error.hpp"
#include "bnas/portable/philox.hpp"
#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

using test::Scratch;
using test::slurp;
using test::spill;
using testing::HasSubstr;

Trial make_trial(std::int64_t id) {
  Trial t;
  t.id = id;
  t.level = 2;
  t.rank = static_cast<int>(id);
  t.genotype.blocks = {{-2, 0, -1, 3}, {-1, 63, 0, 1}};
  t.text = "[-2, 'a', -1, 'd', -1, 'z', 0, 'b']";
  t.budget = {3, 1'000'000'000'000};
  t.predicted = 0.1 + 0.2;  // needs all 53 bits
  return t;
}

std::vector<Trial> make_batch(std::int64_t first, std::int64_t count) {
  std::vector<Trial> batch;
  for (std::int64_t i = 0; i < count; ++i) {
    batch.push_back(make_trial(first + i));
  }
  return batch;
}

ErrorKind kind_of(const std::function<void()>& action, std::string* message = nullptr) {
  try {
    action();
  } catch (const Error& error) {
    if (message != nullptr) {
      *message = error.what();
    }
    return error.kind();
  }
  ADD_FAILURE() << "no Error";
  return ErrorKind::internal;
}

class TrialStoreTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return scratch_.path() / "run.sqlite"; }
  Scratch scratch_;
};

TEST_F(TrialStoreTest, KeepsEveryFieldBitExactly) {
  Trial done = make_trial(1);
  {
    const auto store = open_sqlite_store(file());
    store->enqueue({make_trial(1)}, "state 1");
    const auto claim = store->claim("w", 60.0);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->trial.attempts, 1);
    done.status = TrialStatus::diverged;
    done.attempts = 1;
    done.reward = std::nextafter(0.9, 1.0);
    done.best_epoch = 2;
    done.curve = {{1, 0.1, 0.2, 0.3, 1e-3}, {2, std::numeric_limits<double>::quiet_NaN(), 1.0 / 3.0, 5e-324, 1e300}};
    done.cost = {1, 2, std::numeric_limits<std::int64_t>::max(), 4};
    done.seconds = 1.5;
    done.message = "loss is nan; \xC3\xA9 ' \"";
    EXPECT_TRUE(store->finish(*claim, done));
    store->set_meta("trainer", "f");
    store->save_strategy("state 2", 1);
  }
  const auto store = open_sqlite_store(file());
  EXPECT_EQ(store->strategy_state(), "state 2");
  EXPECT_EQ(store->batches_told(), 1);
  EXPECT_EQ(store->meta("trainer"), "f");
  EXPECT_EQ(store->meta("absent"), "");
  const std::vector<Trial> all = store->trials();
  ASSERT_EQ(all.size(), 1U);
  const Trial& t = all[0];
  EXPECT_EQ(t.batch, 1);
  EXPECT_EQ(t.level, 2);
  EXPECT_EQ(t.rank, 1);
  EXPECT_EQ(t.genotype, done.genotype);
  EXPECT_EQ(t.text, done.text);
  EXPECT_EQ(t.budget, done.budget);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(*t.predicted), std::bit_cast<std::uint64_t>(*done.predicted));
  EXPECT_EQ(t.status, TrialStatus::diverged);
  EXPECT_EQ(t.attempts, 1);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(t.reward), std::bit_cast<std::uint64_t>(done.reward));
  EXPECT_EQ(t.best_epoch, 2);
  EXPECT_EQ(t.cost.binary_macs, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(t.message, done.message);
  ASSERT_EQ(t.curve.size(), 2U);
  EXPECT_TRUE(std::isnan(t.curve[1].train_loss));
  EXPECT_EQ(t.curve[1].train_accuracy, 1.0 / 3.0);
  EXPECT_EQ(t.curve[1].valid_accuracy, 5e-324);
  EXPECT_EQ(t.curve[1].learning_rate, 1e300);
}

TEST_F(TrialStoreTest, QueuesBatchAndStateTogetherOrNotAtAll) {
  const auto store = open_sqlite_store(file());
  store->enqueue(make_batch(1, 3), "a");
  std::vector<Trial> gap = make_batch(4, 2);
  gap[1].id = 6;
  EXPECT_EQ(kind_of([&] { store->enqueue(gap, "b"); }), ErrorKind::internal);
  EXPECT_EQ(store->trials().size(), 3U);
  EXPECT_EQ(store->strategy_state(), "a");
  store->save_strategy("told", 1);
  store->enqueue(make_batch(4, 2), "b");
  EXPECT_EQ(store->trials().back().batch, 2);
}

TEST_F(TrialStoreTest, ClaimsLowestIdAndFencesOffGivenUpWorkers) {
  const auto store = open_sqlite_store(file());
  store->enqueue(make_batch(1, 2), "");
  const auto first = store->claim("a", 60.0);
  const auto second = store->claim("b", 60.0);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->trial.id, 1);
  EXPECT_EQ(second->trial.id, 2);
  EXPECT_FALSE(store->claim("c", 60.0));

  EXPECT_EQ(store->requeue_expired(true), 2);
  const auto again = store->claim("c", 60.0);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->trial.id, 1);
  EXPECT_GT(again->fence, first->fence);
  Trial result = make_trial(1);
  result.status = TrialStatus::done;
  EXPECT_FALSE(store->heartbeat(*first, 60.0));
  EXPECT_FALSE(store->record_epoch(*first, {1, 0, 0, 0, 0}));
  EXPECT_FALSE(store->release(*first, ""));
  EXPECT_FALSE(store->finish(*first, result));
  EXPECT_TRUE(store->trials()[0].curve.empty());
  EXPECT_TRUE(store->record_epoch(*again, {1, 0, 0, 0, 0}));
  EXPECT_TRUE(store->finish(*again, result));
  EXPECT_FALSE(store->finish(*again, result)) << "a trial ends once";
}

TEST_F(TrialStoreTest, LeasesExpireByTheirOwnClock) {
  double now = 1000.0;
  const auto store = open_sqlite_store(file(), false, {"boot 1", [&] { return now; }});
  store->enqueue(make_batch(1, 2), "");
  const auto first = store->claim("a", 10.0);
  const auto second = store->claim("b", 10.0);
  now = 1009.0;
  EXPECT_TRUE(store->heartbeat(*second, 10.0));
  EXPECT_EQ(store->requeue_expired(false), 0);
  now = 1010.5;
  EXPECT_EQ(store->requeue_expired(false), 1);
  EXPECT_FALSE(store->heartbeat(*first, 10.0));
  EXPECT_TRUE(store->heartbeat(*second, 10.0));

  // After a reboot the monotonic clock starts again: times of the old boot say nothing.
  const auto rebooted = open_sqlite_store(file(), false, {"boot 2", [] { return 1.0; }});
  EXPECT_EQ(rebooted->requeue_expired(false), 1);
}

TEST_F(TrialStoreTest, CountsFailuresButNotInterruptions) {
  const auto store = open_sqlite_store(file());
  store->enqueue({make_trial(1)}, "");
  EXPECT_EQ(store->trials()[0].attempts, 0);
  store->release(*store->claim("a", 60.0), "");
  EXPECT_EQ(store->trials()[0].attempts, 0);
  auto claim = store->claim("a", 60.0);
  EXPECT_EQ(claim->trial.attempts, 1);
  store->release(*claim, "it threw");
  EXPECT_EQ(store->trials()[0].message, "it threw");
  claim = store->claim("a", 60.0);
  EXPECT_EQ(claim->trial.attempts, 2);
  Trial result = claim->trial;
  result.status = TrialStatus::failed;
  store->finish(*claim, result);
  EXPECT_EQ(store->trials()[0].attempts, 2);
  EXPECT_EQ(store->requeue_failed(), 1);
  EXPECT_EQ(store->claim("a", 60.0)->trial.attempts, 1);
}

TEST_F(TrialStoreTest, LeavesToldFailuresAlone) {
  const auto store = open_sqlite_store(file());
  store->enqueue({make_trial(1)}, "");
  const auto claim = store->claim("a", 60.0);
  Trial result = claim->trial;
  result.status = TrialStatus::failed;
  store->finish(*claim, result);
  store->save_strategy("", 1);
  EXPECT_EQ(store->requeue_failed(), 0);
}

TEST_F(TrialStoreTest, FinishReplacesTheCurve) {
  const auto store = open_sqlite_store(file());
  store->enqueue({make_trial(1)}, "");
  const auto claim = store->claim("a", 60.0);
  store->record_epoch(*claim, {2, 0.5, 0, 0, 0});
  store->record_epoch(*claim, {3, 0.5, 0, 0, 0});
  Trial result = claim->trial;
  result.status = TrialStatus::done;
  result.curve = {{1, 0.25, 0, 0, 0}, {2, 0.125, 0, 0, 0}};
  store->finish(*claim, result);
  const std::vector<Trial> all = store->trials();
  ASSERT_EQ(all[0].curve.size(), 2U);
  EXPECT_EQ(all[0].curve[0].train_loss, 0.25);
  EXPECT_EQ(all[0].curve[1].train_loss, 0.125);
}

TEST_F(TrialStoreTest, EveryTrialIsClaimedOnceByConcurrentWorkers) {
  const auto store = open_sqlite_store(file());
  const auto other = open_sqlite_store(file());  // as another process would
  store->enqueue(make_batch(1, 40), "");
  std::mutex mutex;
  std::multiset<std::int64_t> claimed;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      TrialStore& mine = i % 2 == 0 ? *store : *other;
      while (const auto claim = mine.claim("w", 60.0)) {
        const std::lock_guard lock(mutex);
        claimed.insert(claim->trial.id);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(claimed.size(), 40U);
  EXPECT_EQ(std::set<std::int64_t>(claimed.begin(), claimed.end()).size(), 40U);
}

TEST_F(TrialStoreTest, ReadsBesideARunningWriter) {
  const auto writer = open_sqlite_store(file());
  writer->enqueue(make_batch(1, 1), "a");
  const auto reader = open_sqlite_store(file(), true);
  EXPECT_EQ(reader->trials().size(), 1U);
  writer->enqueue(make_batch(2, 1), "b");
  EXPECT_EQ(reader->trials().size(), 2U);
  EXPECT_EQ(reader->strategy_state(), "b");
  EXPECT_EQ(kind_of([&] { reader->set_meta("k", "v"); }), ErrorKind::io);
  EXPECT_EQ(reader->meta("k"), "");
}

TEST_F(TrialStoreTest, MissingFilesAreMissing) {
  EXPECT_EQ(kind_of([&] { open_sqlite_store(file(), true); }), ErrorKind::missing);
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_EQ(kind_of([&] { open_sqlite_store(scratch_.path() / "no" / "run.sqlite"); }), ErrorKind::missing);
}

void raw_sql(const std::filesystem::path& file, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  char* message = nullptr;
  ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, &message), SQLITE_OK) << message;
  sqlite3_close(db);
}

TEST_F(TrialStoreTest, RefusesForeignFilesAndLeavesThemAlone) {
  spill(file(), "train_history.csv is not a database, however long it may be\n");
  std::string message;
  EXPECT_EQ(kind_of([&] { open_sqlite_store(file()); }, &message), ErrorKind::bad_data);
  EXPECT_THAT(message, HasSubstr(file().string()));
  EXPECT_THAT(message, HasSubstr("no SQLite database"));

  const auto foreign = scratch_.path() / "foreign.sqlite";
  raw_sql(foreign, "CREATE TABLE photos (id INTEGER)");
  const std::string before = slurp(foreign);
  EXPECT_EQ(kind_of([&] { open_sqlite_store(foreign); }, &message), ErrorKind::bad_data);
  EXPECT_THAT(message, HasSubstr("another program"));
  EXPECT_EQ(slurp(foreign), before);

  const auto empty = scratch_.path() / "empty.sqlite";
  spill(empty, "");
  EXPECT_EQ(kind_of([&] { open_sqlite_store(empty, true); }), ErrorKind::bad_data);
}

TEST_F(TrialStoreTest, RefusesOtherSchemas) {
  std::string message;
  open_sqlite_store(file());
  raw_sql(file(), "PRAGMA user_version = 2");
  EXPECT_EQ(kind_of([&] { open_sqlite_store(file()); }, &message), ErrorKind::bad_data);
  EXPECT_THAT(message, HasSubstr("version 2"));

  const auto triggered = scratch_.path() / "triggered.sqlite";
  open_sqlite_store(triggered);
  raw_sql(triggered, "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM trials; END");
  EXPECT_EQ(kind_of([&] { open_sqlite_store(triggered); }, &message), ErrorKind::bad_data);
  EXPECT_THAT(message, HasSubstr("tables"));
}

TEST_F(TrialStoreTest, RefusesForgedValues) {
  for (const char* forgery :
       {"UPDATE trials SET genotype = x'01'", "UPDATE trials SET genotype = zeroblob(400000)",
        "UPDATE trials SET genotype = x''", "UPDATE trials SET level = 9", "UPDATE trials SET status = 'doomed'",
        "UPDATE trials SET rank = 99999999999", "UPDATE trials SET id = 7", "UPDATE trials SET failures = -1"}) {
    const auto forged = scratch_.path() / "forged.sqlite";
    std::filesystem::remove(forged);
    open_sqlite_store(forged)->enqueue({make_trial(1)}, "");
    raw_sql(forged, forgery);
    std::string message;
    EXPECT_EQ(kind_of([&] { open_sqlite_store(forged)->trials(); }, &message), ErrorKind::bad_data) << forgery;
    EXPECT_THAT(message, HasSubstr("forged.sqlite"));
  }
}

/// Uses every part of a store; any bnas::Error is an answer, anything else is not.
void exercise(const std::filesystem::path& file) {
  try {
    const auto store = open_sqlite_store(file);
    store->trials();
    store->strategy_state();
    store->batches_told();
    store->meta("trainer");
    store->requeue_expired(true);
    if (const auto claim = store->claim("w", 1.0)) {
      store->record_epoch(*claim, {1, 0, 0, 0, 0});
      Trial result = claim->trial;
      result.status = TrialStatus::done;
      store->finish(*claim, result);
    }
    store->save_strategy("x", 1);
    store->trials();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(file.string()));
  }
}

void filled_store(const std::filesystem::path& file) {
  const auto store = open_sqlite_store(file);
  store->enqueue(make_batch(1, 30), std::string(6000, 's'));  // the state needs overflow pages
  for (int i = 0; i < 10; ++i) {
    const auto claim = store->claim("w", 60.0);
    Trial result = claim->trial;
    result.status = TrialStatus::done;
    result.curve = {{1, 0, 0, 0, 0}, {2, 0, 0, 0, 0}};
    store->finish(*claim, result);
  }
}

void write_damaged(const std::filesystem::path& file, const std::string& bytes) {
  for (const char* companion : {"-wal", "-shm", "-journal"}) {
    std::filesystem::remove(file.string() + companion);
  }
  spill(file, bytes);
}

TEST_F(TrialStoreTest, SurvivesDamagedBytes) {
  filled_store(file());
  const std::string whole = slurp(file());
  ASSERT_GT(whole.size(), 10'000U);
  const RandomKey key{1, 0, RandomPurpose::sample};
  for (std::uint32_t round = 0; round < 300; ++round) {
    std::string damaged = whole;
    for (std::uint32_t i = 0; i < 1 + round % 4; ++i) {
      // Every second hit goes to the headers of the first page, where it does most.
      const auto size = static_cast<std::uint32_t>(round % 2 == 0 ? 512 : whole.size());
      damaged[key.below(8 * round + 2 * i, size)] ^= static_cast<char>(1 + key.below(8 * round + 2 * i + 1, 255));
    }
    write_damaged(file(), damaged);
    exercise(file());
  }
}

TEST_F(TrialStoreTest, SurvivesTruncation) {
  filled_store(file());
  const std::string whole = slurp(file());
  for (std::size_t length = 0; length < whole.size(); length += length < 128 ? 1 : 509) {
    write_damaged(file(), whole.substr(0, length));
    exercise(file());
  }
}

/// Runs `action` in a child process and returns its wait status.
int in_child(const std::function<int()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    int code = 99;
    try {
      code = action();
    } catch (...) {
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST_F(TrialStoreTest, SurvivesADamagedLog) {
  const int status = in_child([&] {
    filled_store(file());
    const auto store = open_sqlite_store(file());
    store->claim("w", 60.0);
    store->save_strategy(std::string(9000, 't'), 1);
    raise(SIGKILL);  // leaves the log behind
    return 1;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  const std::string log_name = file().string() + "-wal";
  const std::string main = slurp(file());
  const std::string log = slurp(log_name);
  ASSERT_GT(log.size(), 8'000U);
  const RandomKey key{2, 0, RandomPurpose::sample};
  for (std::uint32_t round = 0; round < 100; ++round) {
    write_damaged(file(), main);
    std::string damaged = log;
    damaged[key.below(2 * round, static_cast<std::uint32_t>(log.size()))] ^= 0x55;
    spill(log_name, round % 3 == 0 ? damaged.substr(0, key.below(2 * round + 1, static_cast<std::uint32_t>(log.size())))
                                   : damaged);
    exercise(file());
  }
}

TEST_F(TrialStoreTest, AFullDiskIsAnIoErrorAndLosesNothing) {
  const int status = in_child([&] {
    const auto store = open_sqlite_store(file());
    store->enqueue(make_batch(1, 5), "a");
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200'000, 200'000};  // bytes that the write-ahead log may grow to
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int told = 1;; ++told) {
      ErrorKind kind = ErrorKind::internal;
      try {
        store->save_strategy(std::string(20'000, 'a' + static_cast<char>(told % 26)), told);
        continue;
      } catch (const Error& error) {
        kind = error.kind();
      }
      // What was stored before must still be readable here, and stand for the next process.
      return kind == ErrorKind::io && store->batches_told() == told - 1 ? told : 98;
    }
  });
  ASSERT_TRUE(WIFEXITED(status));
  const int told = WEXITSTATUS(status);
  ASSERT_GE(told, 2);
  ASSERT_LT(told, 90);
  const auto store = open_sqlite_store(file());
  EXPECT_EQ(store->batches_told(), told - 1);
  EXPECT_EQ(store->strategy_state(), std::string(20'000, 'a' + static_cast<char>((told - 1) % 26)));
  EXPECT_EQ(store->trials().size(), 5U);
}

}  // namespace
}  // namespace bnas::nas
