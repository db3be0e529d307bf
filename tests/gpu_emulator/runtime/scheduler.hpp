// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "runtime/faults.hpp"
#include "runtime/vector_clock.hpp"
#include "runtime/work.hpp"

namespace bnas::emu {

struct Device;
struct Operation;
using OperationPtr = std::shared_ptr<Operation>;
/// Holds the one mutex of the runtime.
using Lock = std::unique_lock<std::mutex>;

/// Something enqueued: runs once, after all that it is declared to depend on.
struct Operation {
  Work work;
  Device* device = nullptr;
  std::string label;  // "scale (stream 2)"
  std::string note;   // annotation of the thread that enqueued it
  Stamp stamp;
  VectorClock clock;
  std::optional<Injection> injection;
  std::vector<OperationPtr> dependencies;  // emptied when done

  // Kept by the scheduler.
  std::uint64_t order = 0;  // of submission
  std::uint64_t priority = 0;
  std::size_t unfinished = 0;  // dependencies
  std::vector<OperationPtr> followers;
  bool done = false;
  std::chrono::steady_clock::time_point finished;
};

/// Runs submitted operations, one at a time, on the threads that wait for something: as late as they can run. With
/// seed 0 they run in the order of submission among those waited for; another seed draws an order among all that the
/// declared dependencies allow (random priorities of timelines with exceptions, after PCT: Burckhardt and others 2010)
/// and sometimes runs one early. All members need the lock, which is released while an operation runs.
class Scheduler {
 public:
  enum class Outcome { done, never };  // never: it hangs
  using Execute = std::function<Outcome(Operation&)>;

  explicit Scheduler(Execute execute) : execute_(std::move(execute)) { reseed(); }

  void submit(const OperationPtr& operation);
  /// After submissions: runs something early if the seed says so or too much is pending.
  void breathe(Lock& lock);
  /// Returns when the operation is done or everything was abandoned.
  void wait(Lock& lock, const OperationPtr& operation);
  /// Runs one operation if there is one that can run: progress for those who poll.
  void step(Lock& lock);
  /// Waits until no other thread runs an operation; none starts before the lock is released.
  void settle(Lock& lock);
  /// Nothing runs from now on: the device is lost.
  void abandon();
  void reseed();

 private:
  using Operations = std::unordered_set<const Operation*>;

  static Operations needed_for(const OperationPtr& target);
  OperationPtr pick(const Operations* among);  // null: among all that are ready
  void run(Lock& lock, const OperationPtr& operation);

  Execute execute_;
  std::vector<OperationPtr> ready_;
  std::condition_variable changed_;
  std::mt19937_64 random_;
  std::uint64_t submitted_ = 0;
  std::size_t pending_ = 0;
  bool running_ = false;
  bool abandoned_ = false;
};

}  // namespace bnas::emu
