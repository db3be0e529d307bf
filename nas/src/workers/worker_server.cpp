// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/worker_server.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "bnas/core/error.hpp"
#include "bnas/core/trace.hpp"
#include "workers/messages.hpp"

namespace bnas::nas {
namespace {

constexpr std::chrono::milliseconds kHeartbeat{250};
constexpr int kFaultCode = 75;  // as the program that meets a fault of its device: try again

class WorkerServer {
 public:
  WorkerServer(int socket, std::unique_ptr<WorkerHost> host) : socket_(socket), host_(std::move(host)) {}

  int run(FrameReader& frames) {
    send({{"type", "hello"},
          {"description", host_->description},
          {"fingerprint", host_->trainer->fingerprint()},
          {"free", host_->memory.free},
          {"total", host_->memory.total}});
    std::thread heart([this] { beat(); });
    do {
      while (const auto message = frames.next()) {
        take(*message);
      }
    } while (frames.fill());
    leave(heart);
    return 0;
  }

 private:
  struct Job {
    std::atomic<bool> stop{false};
    const Stream* stream = nullptr;  // while there is one; under mutex_
    bool over = false;               // nothing but its end is left for the thread; under mutex_
    std::thread thread;
  };

  void send(const Json& message) {
    const std::lock_guard lock(send_mutex_);
    send_frame(socket_, message);  // that the supervisor has left is noticed where it is read from
  }

  void take(const Json& message) {
    const auto type = message.at("type").get<std::string>();
    const auto id = message.at("job").get<std::int64_t>();
    const std::lock_guard lock(mutex_);
    reap();
    if (type == "stop") {
      if (const auto found = jobs_.find(id); found != jobs_.end()) {
        found->second.stop = true;
      }
      return;
    }
    check(type == "train" || type == "finish", "worker", "received a message of unknown type '" + type + "'");
    Job& job = jobs_[id];
    job.thread = std::thread([this, id, &job, message] { work(id, job, message); });
  }

  void reap() {  // mutex_ held
    for (auto it = jobs_.begin(); it != jobs_.end();) {
      if (it->second.over) {
        it->second.thread.join();
        it = jobs_.erase(it);
      } else {
        ++it;
      }
    }
  }

  /// The supervisor has closed the socket, or is gone. What children have not saved by now is lost, as with any kill;
  /// without children the process ends as programs do, so that profilers can write what they have.
  void leave(std::thread& heart) {
    constexpr std::chrono::seconds kPatience{1};
    std::unique_lock lock(mutex_);
    const bool idle = changed_.wait_for(lock, kPatience, [this] {
      return std::all_of(jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second.over; });
    });
    if (!idle) {
      _exit(0);
    }
    leaving_ = true;
    reap();
    changed_.notify_all();
    lock.unlock();
    heart.join();
  }

  void work(std::int64_t id, Job& job, const Json& message) {
    Json reply{{"type", "done"}, {"job", id}};
    try {
      const Trial trial = trial_from_json(message.at("trial"));
      trace_thread(fmt::format("child {}", trial.id));
      const ChildContext context = context_of(id, job, message.at("directory").get<std::string>());
      if (message.at("type") == "train") {
        reply["trial"] = to_json(host_->trainer->train(trial, context));
      } else {
        reply["accuracy"] = host_->finish(trial, context, message.at("out").get<std::string>());
      }
    } catch (const Interrupted&) {
      reply = {{"type", "interrupted"}, {"job", id}};
    } catch (const DeviceFault& fault) {
      send({{"type", "fault"}, {"scope", static_cast<int>(fault.scope())}, {"text", fault.what()}});
      _exit(kFaultCode);  // destructors would only meet the lost context
    } catch (...) {
      reply = {{"type", "failed"}, {"job", id}, {"error", current_error()}};
    }
    send(reply);
    const std::lock_guard lock(mutex_);
    job.over = true;
    changed_.notify_all();
  }

  ChildContext context_of(std::int64_t id, Job& job, const std::filesystem::path& directory) {
    ChildContext context{directory, &job.stop, {}, {}};
    context.on_epoch = [this, id, &job](const EpochMetrics& metrics) {
      send({{"type", "epoch"}, {"job", id}, {"metrics", to_json(metrics)}, {"steps", steps(job)}});
    };
    context.on_warning = [this, id](const std::string& text) {
      send({{"type", "warning"}, {"job", id}, {"text", text}});
    };
    context.on_stream = [this, &job](const Stream* stream) {
      const std::lock_guard lock(mutex_);
      job.stream = stream;
    };
    return context;
  }

  std::int64_t steps(const Job& job) {
    const std::lock_guard lock(mutex_);
    return job.stream == nullptr ? 0 : job.stream->steps_completed();
  }

  void beat() {
    trace_thread("heartbeat");
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kHeartbeat, [this] { return leaving_; })) {
      Json all = Json::array();
      for (const auto& [id, job] : jobs_) {
        if (!job.over) {
          all.push_back({id, job.stream == nullptr ? 0 : job.stream->steps_completed()});
        }
      }
      if (!all.empty()) {
        lock.unlock();
        send({{"type", "steps"}, {"jobs", std::move(all)}});
        lock.lock();
      }
    }
  }

  const int socket_;
  const std::unique_ptr<WorkerHost> host_;
  std::mutex send_mutex_;
  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  bool leaving_ = false;
  std::map<std::int64_t, Job> jobs_;
};

}  // namespace

int serve_worker(int socket, const HostFactory& factory) {
  FrameReader frames(socket);
  std::optional<Json> setup;
  while (!(setup = frames.next())) {
    if (!frames.fill()) {
      return 0;  // nobody wants a worker any more
    }
  }
  std::unique_ptr<WorkerHost> host;
  try {
    host = factory(setup->at("text").get<std::string>());
  } catch (...) {
    send_frame(socket, {{"type", "refused"}, {"error", current_error()}});
    return 1;
  }
  return WorkerServer(socket, std::move(host)).run(frames);
}

}  // namespace bnas::nas
