// SPDX-License-Identifier: Apache-2.0
#include "worker_round.hpp"

#include <fmt/format.h>

#include <chrono>
#include <list>
#include <system_error>

#include "bnas/core/error.hpp"
#include "bnas/core/trace.hpp"
#include "child_attempt.hpp"

namespace bnas::nas {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kTick{20};  // how soon a request to stop is noticed

}  // namespace

std::int64_t WorkerRound::run(std::int64_t count) {
  std::list<Worker> workers;
  std::unique_lock lock(mutex_);
  for (std::int64_t i = 0; i < count; ++i) {
    Worker& worker = workers.emplace_back();
    worker.name = fmt::format("worker {}", i + 1);
    try {
      worker.thread = std::thread([this, &worker] { work(worker); });
      ++active_;
    } catch (const std::system_error& error) {
      workers.pop_back();
      if (workers.empty()) {
        throw Error(ErrorKind::unavailable, fmt::format("no worker thread can be started: {}", error.what()));
      }
      break;  // fewer workers give the same results
    }
  }
  auto renewed = Clock::now();
  while (active_ > 0) {
    idle_.wait_for(lock, kTick);
    halt_ = halt_ || asked_to_halt_();
    const std::chrono::duration<double> age = Clock::now() - renewed;
    const bool due = age.count() > options_.lease_seconds / 3.0;
    renewed = due ? Clock::now() : renewed;
    for (Worker& worker : workers) {
      if (halt_ || (due && worker.claim && !renew(*worker.claim))) {
        worker.stop = true;
      }
    }
  }
  lock.unlock();
  for (Worker& worker : workers) {
    worker.thread.join();
  }
  if (error_) {
    std::rethrow_exception(error_);
  }
  return claims_;
}

bool WorkerRound::renew(const Claim& claim) {
  try {
    return store_.heartbeat(claim, options_.lease_seconds);
  } catch (...) {
    fail();
    return false;
  }
}

/// The search ends by the exception being handled. Under mutex_.
void WorkerRound::fail() {
  error_ = error_ ? error_ : std::current_exception();
  halt_ = true;
}

void WorkerRound::work(Worker& worker) {
  trace_thread(worker.name);
  try {
    while (begin_child(worker)) {
      train_child(worker);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    fail();
    try {
      if (worker.claim) {
        store_.release(*worker.claim, "");
      }
    } catch (const std::exception&) {  // the first error is the one to report, and resuming takes the trial over
    }
  }
  const std::lock_guard lock(mutex_);
  worker.claim.reset();
  --active_;
  idle_.notify_one();
}

bool WorkerRound::begin_child(Worker& worker) {
  const std::lock_guard lock(mutex_);
  worker.claim.reset();
  worker.stop = false;
  halt_ = halt_ || asked_to_halt_();
  if (!halt_) {
    worker.claim = store_.claim(worker.name, options_.lease_seconds);
  }
  if (!worker.claim) {
    return false;
  }
  ++claims_;
  if (observer_.on_start) {
    observer_.on_start(worker.claim->trial);
  }
  return true;
}

void WorkerRound::train_child(Worker& worker) {
  const Claim& claim = *worker.claim;
  std::exception_ptr fatal;  // of the store or the observer: must not look like a failure of the child
  const auto on_epoch = [&](const EpochMetrics& metrics) {
    const std::lock_guard lock(mutex_);
    try {
      if (!store_.record_epoch(claim, metrics)) {
        worker.stop = true;  // fenced off
      } else if (observer_.on_epoch) {
        observer_.on_epoch(claim.trial, metrics);
      }
    } catch (...) {
      fatal = std::current_exception();
      worker.stop = true;
    }
  };
  const auto on_warning = [&](const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (observer_.on_warning) {
      observer_.on_warning(claim.trial, text);
    }
  };
  const auto directory = options_.checkpoints / std::to_string(claim.trial.id);
  Attempt attempt = attempt_child(trainer_, claim.trial, {directory, &worker.stop, on_epoch, on_warning});
  if (fatal) {
    std::rethrow_exception(fatal);
  }
  const std::lock_guard lock(mutex_);
  const bool failed_for_good = attempt.end == Attempt::End::rejected ||
                               (attempt.end == Attempt::End::failed && claim.trial.attempts >= options_.max_attempts);
  if (failed_for_good) {
    attempt.result.status = TrialStatus::failed;
    attempt.result.message = attempt.failure;
    attempt.result.curve.clear();
  } else if (attempt.end != Attempt::End::measured) {
    store_.release(claim, attempt.failure);
    return;
  }
  if (store_.finish(claim, attempt.result)) {
    trials_[static_cast<std::size_t>(attempt.result.id - 1)] = attempt.result;
    halt_ = halt_ || too_many_failures(trials_);
    if (observer_.on_trial) {
      observer_.on_trial(attempt.result);
    }
  }
}

}  // namespace bnas::nas
