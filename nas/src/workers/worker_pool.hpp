// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "bnas/core/error.hpp"
#include "bnas/nas/process_trainer.hpp"
#include "workers/messages.hpp"
#include "workers/restart_count.hpp"
#include "workers/worker_process.hpp"

namespace bnas::nas {

/// A worker died with the job in it.
struct Death {
  enum class Blame { children, device, nobody };
  Blame blame = Blame::nobody;
  std::string text;
};

/// Why a job must have a worker to itself.
enum class Alone { no, as_suspect, for_memory };

/// A message of the worker about a job, or the end of the worker.
using JobEvent = std::variant<Json, Death>;

/// The workers of a search and who sits in them. One thread of the pool owns the processes: it starts them, reads what
/// they say, watches the time, buries them. Other threads take seats, each for a job of its own.
class WorkerPool {
 public:
  /// A place in a worker, held until its job is over.
  class Seat;
  using Clock = std::chrono::steady_clock;

  /// Returns when all workers are ready; throws the first error of one that cannot be. Refuses workers whose trainer
  /// has another fingerprint.
  WorkerPool(ProcessOptions options, std::string fingerprint);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  /// Waits for a seat and sends `request` with the job's number. `bytes` of the device are reserved; `alone`: nobody
  /// else sits in that worker, and the death of a suspect's explains itself. Throws Interrupted when `stop` is set
  /// meanwhile, ChildRejected when no device is large enough, a device_fault Error when none is left.
  std::unique_ptr<Seat> take_seat(Json request, std::uint64_t bytes, Alone alone, const std::atomic<bool>* stop);
  std::vector<std::string> descriptions() const;

 private:
  struct Place {
    enum class State { starting, ready, resting, given_up };
    Place(WorkerPlace what, const ProcessOptions& options)
        : worker(std::move(what)), limit(options.children), restarts(options.restarts) {}

    WorkerPlace worker;
    State state = State::resting;
    std::unique_ptr<WorkerProcess> process;
    std::string description;
    std::uint64_t capacity = 0;    // bytes that children may use
    int limit;                     // children at once
    bool exclusive = false;        // whoever sits here sits alone
    const void* wanted = nullptr;  // by one who waits to be alone: nobody else may sit down
    std::vector<Seat*> seats;
    RestartCount restarts;
    Clock::time_point since;  // starting; resting: when to start
    std::optional<std::pair<FaultScope, std::string>> fault;
    bool unclear_before = false;  // the last death was an unclear fault
    std::string hang;             // why it is being killed
    std::optional<Clock::time_point> kill_at;
    std::string last_death;
  };

  void run();
  void start(Place& place);
  void read(Place& place);
  void dispatch(Place& place, const Json& message);
  void bury(Place& place);
  Death judge(Place& place, const ProcessEnd& end);
  void watch(Place& place, Clock::time_point now);
  void forgive_pause(Clock::duration pause);
  void close_all();
  Place* choose(std::uint64_t bytes, bool alone, const void* who);
  void leave(Seat& seat);
  std::string all_given_up() const;

  const ProcessOptions options_;
  const std::string fingerprint_;
  int wake_ = -1;  // eventfd

  mutable std::mutex mutex_;  // of all below, and of the seats
  std::condition_variable changed_;
  std::list<Place> places_;
  std::int64_t jobs_ = 0;
  std::exception_ptr failed_start_;
  bool open_ = false;  // all workers have been ready
  bool closing_ = false;
  std::thread thread_;
};

class WorkerPool::Seat {
 public:
  Seat(WorkerPool& pool, Place& place, std::int64_t job, std::uint64_t bytes, Alone alone)
      : pool_(pool), place_(&place), job_(job), bytes_(bytes), alone_(alone) {}
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  /// If the job is not over it is stopped and waited for.
  ~Seat();

  const std::string& device() const { return place_->worker.name; }
  /// The next event, waiting for it at most `patience`. After a death, "done", "failed" or "interrupted" none comes.
  std::optional<JobEvent> next(std::chrono::milliseconds patience);
  void stop();
  /// No suspect any more. Lets others in, unless somebody waits to be alone; whether it did.
  bool share();
  /// Fewer children at once from now on: there were too many for the memory.
  void lower_limit();

 private:
  friend class WorkerPool;

  WorkerPool& pool_;
  Place* place_;
  const std::int64_t job_;
  const std::uint64_t bytes_;
  Alone alone_;
  bool over_ = false;
  std::deque<JobEvent> events_;

  // For the watchdog.
  std::int64_t steps_ = 0;
  Clock::time_point progress_ = Clock::now();
  std::deque<double> step_seconds_;  // of the last steps
};

}  // namespace bnas::nas
