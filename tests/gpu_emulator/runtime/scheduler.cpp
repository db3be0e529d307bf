// SPDX-License-Identifier: Apache-2.0
#include "runtime/scheduler.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "runtime/options.hpp"

namespace bnas::emu {
namespace {

// As on a device, whose queues are finite, enqueueing more than this makes the oldest work run.
constexpr std::size_t kMaxPending = 8192;

// SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

void Scheduler::reseed() { random_.seed(options().seed); }

void Scheduler::abandon() {
  abandoned_ = true;
  changed_.notify_all();
}

void Scheduler::submit(const OperationPtr& operation) {
  operation->order = ++submitted_;
  if (options().seed != 0) {  // one priority per timeline and stretch of 64 operations
    operation->priority = mixed(options().seed ^ mixed(operation->stamp.lane ^ mixed(operation->stamp.sequence / 64)));
  }
  std::erase_if(operation->dependencies, [](const OperationPtr& d) { return !d || d->done; });
  operation->unfinished = operation->dependencies.size();
  for (const OperationPtr& dependency : operation->dependencies) {
    dependency->followers.push_back(operation);
  }
  ++pending_;
  if (operation->unfinished == 0) {
    ready_.push_back(operation);
  }
}

void Scheduler::breathe(Lock& lock) {
  const bool early = options().seed != 0 && random_() % 8 < options().seed % 3;  // some seeds never, some often
  if (early || (pending_ > kMaxPending && !ready_.empty())) {
    step(lock);
  }
}

// Dependencies are fixed at submission, so this set only shrinks. Without recursion: chains are long.
Scheduler::Operations Scheduler::needed_for(const OperationPtr& target) {
  Operations needed;
  std::vector<const Operation*> open = {target.get()};
  while (!open.empty()) {
    const Operation* operation = open.back();
    open.pop_back();
    if (!operation->done && needed.insert(operation).second) {
      for (const OperationPtr& dependency : operation->dependencies) {
        open.push_back(dependency.get());
      }
    }
  }
  return needed;
}

OperationPtr Scheduler::pick(const Operations* among) {
  std::vector<OperationPtr> candidates;
  std::copy_if(ready_.begin(), ready_.end(), std::back_inserter(candidates),
               [&](const OperationPtr& o) { return !among || among->contains(o.get()); });
  if (candidates.empty()) {
    return nullptr;
  }
  if (options().seed != 0 && random_() % 8 == 0) {
    return candidates[random_() % candidates.size()];
  }
  const auto before = [](const OperationPtr& a, const OperationPtr& b) {
    return std::tie(a->priority, a->order) < std::tie(b->priority, b->order);
  };
  return *std::min_element(candidates.begin(), candidates.end(), before);
}

void Scheduler::run(Lock& lock, const OperationPtr& operation) {
  ready_.erase(std::find(ready_.begin(), ready_.end(), operation));
  running_ = true;
  lock.unlock();
  const Outcome outcome = execute_(*operation);
  lock.lock();
  running_ = false;
  if (outcome == Outcome::done) {
    operation->done = true;
    operation->finished = std::chrono::steady_clock::now();
    operation->dependencies.clear();
    --pending_;
    for (const OperationPtr& follower : operation->followers) {
      if (--follower->unfinished == 0) {
        ready_.push_back(follower);
      }
    }
    operation->followers.clear();
    operation->work = Marker{};  // drops what it kept alive
  }
  changed_.notify_all();
}

void Scheduler::wait(Lock& lock, const OperationPtr& operation) {
  if (!operation || operation->done) {
    return;
  }
  const bool only_needed = options().seed == 0 || random_() % 2 == 0;
  const Operations needed = only_needed ? needed_for(operation) : Operations{};
  while (!operation->done && !abandoned_) {
    const OperationPtr next = running_ ? nullptr : pick(only_needed ? &needed : nullptr);
    if (next) {
      run(lock, next);
    } else {
      changed_.wait(lock);
    }
  }
}

void Scheduler::step(Lock& lock) {
  settle(lock);
  if (const OperationPtr next = abandoned_ ? nullptr : pick(nullptr)) {
    run(lock, next);
  }
}

void Scheduler::settle(Lock& lock) {
  changed_.wait(lock, [this] { return !running_; });
}

}  // namespace bnas::emu
