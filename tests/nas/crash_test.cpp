// SPDX-License-Identifier: Apache-2.0
// kill -9 at every write of the store and at random moments: the resumed search must not differ in a byte.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "support/toy_search.hpp"

namespace bnas::nas {
namespace {

using test::FaultStore;
using test::outcome;
using test::Outcome;
using test::Scratch;
using test::ToySearch;

pid_t start(const std::function<void()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      action();
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

/// What an uninterrupted run gives, and its number of store writes with one worker. Trial 3 fails once and trial 5
/// diverges, so that these paths are cut as well.
void prepare(ToySearch& search) {
  search.trainer.before_epoch = [](const Trial& t, int epoch) {
    if (t.id == 3 && epoch == 2 && t.attempts == 1) {
      throw std::runtime_error("once");
    }
  };
  search.trainer.diverges = [](const Trial& t) { return t.id == 5; };
}

TEST(Crash, KillAtEveryStoreWrite) {
  Scratch whole;
  ToySearch uninterrupted(whole.path());
  prepare(uninterrupted);
  ASSERT_EQ(uninterrupted.run(), SearchEnd::complete);
  const Outcome expected = outcome(uninterrupted);
  ASSERT_GT(uninterrupted.writes, 50);
  for (int n = 1; n <= uninterrupted.writes; ++n) {
    for (const bool after : {false, true}) {
      Scratch scratch;
      ToySearch search(scratch.path());
      prepare(search);
      const int status = wait_for(start([&] {
        search.run([&](FaultStore& store) {
          (after ? store.after : store.before) = [n](int write) {
            if (write == n) {
              raise(SIGKILL);
            }
          };
        });
      }));
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "write " << n;
      ASSERT_EQ(search.run(), SearchEnd::complete);
      ASSERT_EQ(outcome(search), expected) << (after ? "after" : "before") << " write " << n;
    }
  }
}

TEST(Crash, KillAtRandomMoments) {
  Scratch whole;
  ToySearch uninterrupted(whole.path());
  prepare(uninterrupted);
  ASSERT_EQ(uninterrupted.run(), SearchEnd::complete);
  const Outcome expected = outcome(uninterrupted);
  const RandomKey key{3, 0, RandomPurpose::sample};
  int killed = 0;
  for (std::uint32_t round = 0; round < 25; ++round) {
    Scratch scratch;
    ToySearch search(scratch.path());
    prepare(search);
    search.options.workers = 2;
    const pid_t child = start([&] {
      const auto fail_once = search.trainer.before_epoch;
      search.trainer.before_epoch = [&](const Trial& t, int epoch) {
        std::this_thread::sleep_for(std::chrono::microseconds(500));
        fail_once(t, epoch);
      };
      search.run();
    });
    std::this_thread::sleep_for(std::chrono::microseconds(key.below(round, 25'000)));
    kill(child, SIGKILL);
    killed += WIFSIGNALED(wait_for(child)) ? 1 : 0;
    ASSERT_EQ(search.run(), SearchEnd::complete);
    ASSERT_EQ(outcome(search), expected) << "round " << round;
  }
  EXPECT_GT(killed, 0);
}

}  // namespace
}  // namespace bnas::nas
