// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_pool.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "bnas/core/trace.hpp"

namespace bnas::nas {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;

constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::seconds kStartLimit{600};  // loading data and opening the device
constexpr std::chrono::seconds kGrace{2};         // between SIGABRT, which may leave a core, and SIGKILL
constexpr std::chrono::seconds kPause{5};         // a longer tick means that this process was stopped
constexpr std::size_t kStepsKept = 33;

WorkerPool::Clock::duration seconds(double s) {
  return duration_cast<WorkerPool::Clock::duration>(duration<double>(s));
}

double median(std::deque<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Sent from outside, or by the kernel that ran out of memory: no fault of what ran.
bool is_foreign(int signal) {
  return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

}  // namespace

WorkerPool::WorkerPool(ProcessOptions options, std::string fingerprint)
    : options_(std::move(options)), fingerprint_(std::move(fingerprint)), wake_(eventfd(0, EFD_CLOEXEC)) {
  check(!options_.places.empty() && options_.children >= 1 && wake_ >= 0, "worker pool",
        "needs a place, room for a child, and an eventfd");
  for (const WorkerPlace& worker : options_.places) {
    places_.emplace_back(worker, options_);
  }
  std::unique_lock lock(mutex_);
  thread_ = std::thread([this] { run(); });  // workers die with the thread that made them: it stays to the end
  changed_.wait(lock, [this] { return open_ || failed_start_; });
  if (failed_start_) {
    closing_ = true;
    lock.unlock();
    thread_.join();
    ::close(wake_);
    std::rethrow_exception(failed_start_);
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  eventfd_write(wake_, 1);
  thread_.join();
  ::close(wake_);
}

std::vector<std::string> WorkerPool::descriptions() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const Place& place : places_) {
    out.push_back(place.description);
  }
  return out;
}

void WorkerPool::run() {
  trace_thread("workers");
  std::unique_lock lock(mutex_);
  auto last = Clock::now();
  while (!closing_) {
    std::vector<pollfd> fds{{wake_, POLLIN, 0}};
    std::vector<Place*> readers;
    for (Place& place : places_) {
      if (place.process) {
        fds.push_back({place.process->socket(), POLLIN, 0});
        readers.push_back(&place);
      }
    }
    lock.unlock();
    poll(fds.data(), fds.size(), static_cast<int>(kTick.count()));
    lock.lock();
    const auto now = Clock::now();
    if (now - last > kPause) {
      forgive_pause(now - last);
    }
    last = now;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      if (fds[i + 1].revents != 0) {
        read(*readers[i]);
      }
    }
    for (Place& place : places_) {
      watch(place, now);
    }
    open_ = open_ || std::all_of(places_.begin(), places_.end(),
                                 [](const Place& place) { return place.state == Place::State::ready; });
    changed_.notify_all();
  }
  close_all();
}

void WorkerPool::start(Place& place) {
  std::vector<std::string> arguments = options_.arguments;
  arguments.push_back(place.worker.name);
  place.fault.reset();
  place.kill_at.reset();
  place.hang.clear();
  place.state = Place::State::starting;
  place.since = Clock::now();
  try {
    place.process = std::make_unique<WorkerProcess>(options_.program, arguments, place.worker.log);
    send_frame(place.process->socket(), {{"type", "setup"}, {"text", place.worker.setup}});
  } catch (const Error& error) {
    place.state = Place::State::given_up;
    place.last_death = error.what();
    failed_start_ = open_ ? failed_start_ : std::current_exception();
  }
}

void WorkerPool::read(Place& place) {
  bool alive = place.process->frames().fill();
  try {
    while (const auto message = place.process->frames().next()) {
      dispatch(place, *message);
    }
  } catch (const std::exception& error) {  // of our own making, but the worker is not to be trusted any more
    place.hang = error.what();
    place.process->signal(SIGKILL);
    alive = false;
  }
  if (!alive) {
    bury(place);
  }
}

void WorkerPool::dispatch(Place& place, const Json& message) {
  const auto type = message.at("type").get<std::string>();
  const auto seat_of = [&](std::int64_t job) {
    const auto found = std::find_if(place.seats.begin(), place.seats.end(), [&](Seat* s) { return s->job_ == job; });
    check(found != place.seats.end(), "worker", "received a message about a job that it does not have");
    return *found;
  };
  if (type == "hello") {
    if (const auto theirs = message.at("fingerprint").get<std::string>(); theirs != fingerprint_) {
      throw Error(ErrorKind::bad_data, fmt::format("the worker for {} would train '{}' where this search trains '{}': "
                                                   "did the data change?",
                                                   place.worker.name, theirs, fingerprint_));
    }
    message.at("description").get_to(place.description);
    message.at("free").get_to(place.capacity);
    place.state = Place::State::ready;
  } else if (type == "refused") {
    try {
      throw_error(message.at("error"));
    } catch (const std::exception& error) {
      place.hang = error.what();
      failed_start_ = open_ ? failed_start_ : std::current_exception();
    }
  } else if (type == "fault") {
    place.fault.emplace(static_cast<FaultScope>(message.at("scope").get<int>()), message.at("text").get<std::string>());
  } else if (type == "steps") {
    const auto now = Clock::now();
    for (const Json& entry : message.at("jobs")) {
      const auto found = std::find_if(place.seats.begin(), place.seats.end(),
                                      [&](Seat* s) { return s->job_ == entry.at(0).get<std::int64_t>(); });
      const auto steps = entry.at(1).get<std::int64_t>();
      if (found == place.seats.end() || (*found)->steps_ == steps) {
        continue;
      }
      Seat& seat = **found;
      if (steps > seat.steps_) {
        const double each = duration<double>(now - seat.progress_).count() / static_cast<double>(steps - seat.steps_);
        seat.step_seconds_.push_back(each);
        if (seat.step_seconds_.size() > kStepsKept) {
          seat.step_seconds_.pop_front();
        }
      }
      seat.steps_ = steps;
      seat.progress_ = now;
    }
  } else {
    Seat* seat = seat_of(message.at("job").get<std::int64_t>());
    seat->progress_ = Clock::now();
    place.unclear_before = place.unclear_before && type != "epoch";
    seat->events_.emplace_back(message);
    if (type == "done" || type == "failed" || type == "interrupted") {
      leave(*seat);
    }
  }
}

void WorkerPool::leave(Seat& seat) {
  seat.over_ = true;
  std::erase(seat.place_->seats, &seat);
  if (seat.place_->seats.empty()) {
    seat.place_->exclusive = false;
  }
}

Death WorkerPool::judge(Place& place, const ProcessEnd& end) {
  const std::string& name = place.worker.name;
  if (place.fault) {
    const bool process = place.fault->first == FaultScope::process;
    return {process ? Death::Blame::children : Death::Blame::device, place.fault->second};
  }
  if (!place.hang.empty()) {
    return {Death::Blame::children, fmt::format("{}: {}", name, place.hang)};
  }
  return {is_foreign(end.signal) ? Death::Blame::nobody : Death::Blame::children,
          fmt::format("the worker for {} ended with {}", name, end.text())};
}

void WorkerPool::bury(Place& place) {
  const ProcessEnd end = place.process->wait();
  place.process.reset();
  const Death death = judge(place, end);
  place.last_death = death.text;
  const bool explained = death.blame == Death::Blame::children && place.seats.size() == 1 &&
                         place.seats.front()->alone_ == Alone::as_suspect;
  for (Seat* seat : std::vector<Seat*>(place.seats)) {
    seat->events_.emplace_back(death);
    leave(*seat);
  }
  if (!open_ && !failed_start_) {
    failed_start_ = std::make_exception_ptr(Error(ErrorKind::unavailable, death.text));
  }
  const bool unclear = place.fault && place.fault->first == FaultScope::unclear;
  const bool lost = place.fault && (place.fault->first == FaultScope::device || (unclear && place.unclear_before));
  place.unclear_before = unclear;
  const auto now = Clock::now();
  std::optional<double> rest;
  if (explained) {  // by its child: no sign of a bad device, nor were the deaths that made it a suspect
    place.restarts.forgive();
    rest = 0.0;
  } else if (!lost) {
    rest = place.restarts.died(duration<double>(now.time_since_epoch()).count());
  }
  place.state = rest ? Place::State::resting : Place::State::given_up;
  place.since = now + seconds(rest.value_or(0.0));
}

void WorkerPool::watch(Place& place, Clock::time_point now) {
  if (place.state == Place::State::resting && now >= place.since && !failed_start_) {
    start(place);
  }
  if (!place.process) {
    return;
  }
  if (place.kill_at) {
    if (now >= *place.kill_at) {
      place.process->signal(SIGKILL);
    }
    return;
  }
  if (place.state == Place::State::starting && now - place.since > kStartLimit) {
    place.hang = fmt::format("was not ready within {} s", kStartLimit.count());
  }
  for (const Seat* seat : place.seats) {
    const double step = seat->step_seconds_.empty() ? 0.0 : median(seat->step_seconds_);
    const double limit = std::max(options_.hang_seconds, 10.0 * step);
    if (now - seat->progress_ > seconds(limit)) {
      place.hang = fmt::format("no step for {:.0f} s; threads of the worker: {}", limit, place.process->threads());
    }
  }
  if (!place.hang.empty()) {
    place.process->signal(SIGABRT);
    place.kill_at = now + kGrace;
  }
}

/// This process was stopped, and the workers with it: no time has passed for anybody.
void WorkerPool::forgive_pause(Clock::duration pause) {
  for (Place& place : places_) {
    place.since += place.state == Place::State::starting ? pause : Clock::duration::zero();
    for (Seat* seat : place.seats) {
      seat->progress_ += pause;
    }
  }
}

void WorkerPool::close_all() {
  for (Place& place : places_) {
    if (place.process) {
      shutdown(place.process->socket(), SHUT_RDWR);
    }
  }
  for (Place& place : places_) {
    if (place.process && place.state == Place::State::ready) {
      place.process->wait();
    }
    place.process.reset();
  }
}

WorkerPool::Place* WorkerPool::choose(std::uint64_t bytes, bool alone, const void* who) {
  bool too_small = true;
  std::uint64_t largest = 0;
  Place* best = nullptr;
  Place* emptiest = nullptr;  // that one who wants to be alone can wait for
  for (Place& place : places_) {
    if (place.state == Place::State::given_up) {
      continue;
    }
    if (place.state != Place::State::ready) {
      too_small = false;
      continue;
    }
    largest = std::max(largest, place.capacity);
    if (bytes > place.capacity && place.capacity != 0) {
      continue;
    }
    too_small = false;
    const auto fewer = [&](const Place* than) { return than == nullptr || place.seats.size() < than->seats.size(); };
    if (alone && (place.wanted == nullptr || place.wanted == who) && fewer(emptiest)) {
      emptiest = &place;
    }
    std::uint64_t used = 0;
    for (const Seat* seat : place.seats) {
      used += seat->bytes_;
    }
    const bool room = alone ? place.seats.empty()
                            : static_cast<int>(place.seats.size()) < place.limit && !place.exclusive &&
                                  (place.capacity == 0 || place.seats.empty() || used + bytes <= place.capacity);
    if (room && (place.wanted == nullptr || place.wanted == who) && fewer(best)) {
      best = &place;
    }
  }
  if (too_small) {
    throw ChildRejected(
        fmt::format("needs {} MiB of memory, the largest device has {} MiB for it", bytes >> 20, largest >> 20));
  }
  for (Place& place : places_) {
    place.wanted = place.wanted == who ? nullptr : place.wanted;
  }
  if (best == nullptr && emptiest != nullptr) {
    emptiest->wanted = who;
  }
  return best;
}

std::string WorkerPool::all_given_up() const {
  std::string out;
  for (const Place& place : places_) {
    if (place.state != Place::State::given_up) {
      return "";
    }
    out += fmt::format("{}{} is given up for this search: {}", out.empty() ? "" : "; ", place.worker.name,
                       place.last_death);
  }
  return out;
}

std::unique_ptr<WorkerPool::Seat> WorkerPool::take_seat(Json request, std::uint64_t bytes, Alone alone,
                                                        const std::atomic<bool>* stop) {
  std::unique_lock lock(mutex_);
  const void* who = &request;  // names this call among those that wait
  const auto give_up_waiting = [&] {
    for (Place& place : places_) {
      place.wanted = place.wanted == who ? nullptr : place.wanted;
    }
  };
  for (;;) {
    Place* place = nullptr;
    try {
      if (stop != nullptr && *stop) {
        throw Interrupted();
      }
      if (const std::string why = all_given_up(); !why.empty()) {
        throw Error(ErrorKind::device_fault, why);
      }
      place = choose(bytes, alone != Alone::no, who);
    } catch (...) {
      give_up_waiting();
      throw;
    }
    if (place != nullptr) {
      auto seat = std::make_unique<Seat>(*this, *place, ++jobs_, bytes, alone);
      place->seats.push_back(seat.get());
      place->exclusive = alone != Alone::no;
      request["job"] = seat->job_;
      send_frame(place->process->socket(), request);  // a worker that does not take it is dying: a Death follows
      return seat;
    }
    changed_.wait_for(lock, kTick);
  }
}

WorkerPool::Seat::~Seat() {
  std::unique_lock lock(pool_.mutex_);
  if (!over_) {
    send_frame(place_->process->socket(), {{"type", "stop"}, {"job", job_}});
    pool_.changed_.wait(lock, [this] { return over_; });
  }
}

std::optional<JobEvent> WorkerPool::Seat::next(std::chrono::milliseconds patience) {
  std::unique_lock lock(pool_.mutex_);
  pool_.changed_.wait_for(lock, patience, [this] { return !events_.empty(); });
  if (events_.empty()) {
    return std::nullopt;
  }
  JobEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void WorkerPool::Seat::stop() {
  const std::lock_guard lock(pool_.mutex_);
  if (!over_) {
    send_frame(place_->process->socket(), {{"type", "stop"}, {"job", job_}});
  }
}

bool WorkerPool::Seat::share() {
  const std::lock_guard lock(pool_.mutex_);
  alone_ = Alone::no;
  if (over_) {
    return true;  // late: whoever sits there now may want to be alone
  }
  if (place_->wanted != nullptr) {
    return false;
  }
  place_->exclusive = false;
  return true;
}

void WorkerPool::Seat::lower_limit() {
  const std::lock_guard lock(pool_.mutex_);
  place_->limit = std::max(1, std::min(place_->limit, static_cast<int>(place_->seats.size())));
}

}  // namespace bnas::nas
