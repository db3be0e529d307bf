// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bnas/nas/search_loop.hpp"

namespace bnas::nas {

/// Worker threads that claim and train until nothing is queued. The calling thread renews their leases and passes on
/// requests to stop. Used once.
class WorkerRound {
 public:
  /// `halt` is asked often: true lets the children checkpoint and leave. `trials` receives what is finished.
  WorkerRound(ChildTrainer& trainer, TrialStore& store, const SearchOptions& options, const SearchObserver& observer,
              std::function<bool()> halt, std::vector<Trial>& trials)
      : trainer_(trainer),
        store_(store),
        options_(options),
        observer_(observer),
        asked_to_halt_(std::move(halt)),
        trials_(trials) {}

  /// The number of claims made. Throws the first error that must end the search, after all threads have left.
  std::int64_t run(std::int64_t workers);

 private:
  struct Worker {
    std::string name;
    std::optional<Claim> claim;     // written by its own thread, under mutex_
    std::atomic<bool> stop{false};  // asks the current child to leave
    std::thread thread;
  };

  bool renew(const Claim& claim);
  void fail();
  void work(Worker& worker);
  bool begin_child(Worker& worker);
  void train_child(Worker& worker);

  ChildTrainer& trainer_;
  TrialStore& store_;
  const SearchOptions& options_;
  const SearchObserver& observer_;
  const std::function<bool()> asked_to_halt_;

  std::mutex mutex_;  // of everything below, and of calls to the observer
  std::condition_variable idle_;
  std::vector<Trial>& trials_;
  std::int64_t active_ = 0;  // threads
  std::int64_t claims_ = 0;
  bool halt_ = false;  // claim nothing more
  std::exception_ptr error_;
};

}  // namespace bnas::nas
