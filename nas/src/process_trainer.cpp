// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/process_trainer.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "bnas/core/error.hpp"
#include "workers/worker_pool.hpp"

namespace bnas::nas {
namespace {

constexpr std::chrono::milliseconds kPatience{20};  // how soon a request to stop is passed on

/// One request of one child, through as many workers as it takes.
class Attempt {
 public:
  Attempt(WorkerPool& pool, Json request, std::uint64_t bytes, const ChildContext& context)
      : pool_(pool), request_(std::move(request)), bytes_(bytes), context_(context) {}

  /// The final message. Throws what the worker's trainer threw, Interrupted, and what WorkerPool::take_seat() throws.
  Json run() {
    for (;;) {
      const auto seat = pool_.take_seat(request_, bytes_, alone_, context_.stop);
      if (auto result = follow(*seat)) {
        return std::move(*result);
      }
    }
  }

 private:
  bool asked_to_stop() const { return context_.stop != nullptr && *context_.stop; }

  /// Nothing when the child has to take another seat.
  std::optional<Json> follow(WorkerPool::Seat& seat) {
    bool stopped = false;
    bool cleared = false;  // no suspect any more, and stopped so that the next one can be alone
    for (;;) {
      if (!stopped && (asked_to_stop() || cleared)) {
        seat.stop();
        stopped = true;
      }
      const auto event = seat.next(kPatience);
      if (!event) {
        continue;
      }
      if (const Death* death = std::get_if<Death>(&*event)) {
        died(seat, *death);
        return std::nullopt;
      }
      const Json& message = std::get<Json>(*event);
      const auto type = message.at("type").get<std::string>();
      if (type == "epoch") {
        if (context_.on_epoch) {
          context_.on_epoch(metrics_from_json(message.at("metrics")));
        }
        // Restored epochs come before the first step. The fault was in the epoch under way: this one is past it.
        if (alone_ == Alone::as_suspect && message.at("steps").get<std::int64_t>() > 0) {
          alone_ = Alone::no;
          cleared = !seat.share();
        }
      } else if (type == "warning") {
        warn(message.at("text").get<std::string>());
      } else if (type == "failed") {
        failed(seat, message.at("error"));
        return std::nullopt;
      } else if (type == "interrupted") {
        if (cleared && !asked_to_stop()) {
          return std::nullopt;
        }
        throw Interrupted();
      } else {
        check(type == "done", "worker", "sent a message of unknown type '" + type + "'");
        return message;
      }
    }
  }

  void died(WorkerPool::Seat& seat, const Death& death) {
    if (asked_to_stop()) {
      throw Interrupted();  // the checkpoint is as good as after any kill
    }
    const bool was_alone = alone_ == Alone::as_suspect;
    if (was_alone && death.blame == Death::Blame::nobody) {
      throw std::runtime_error(death.text);  // perhaps for want of the machine's memory: one attempt less
    }
    if (was_alone && death.blame == Death::Blame::children) {
      throw ChildRejected(fmt::format(
          "kernel fault: {}. It happened again with no other child in that worker. {}", death.text,
          seat.device() == "cpu" ? "Run it in a debugger" : "Run it under compute-sanitizer (docs/profiling.md)"));
    }
    const bool suspect = death.blame != Death::Blame::device;
    alone_ = suspect ? Alone::as_suspect : alone_;
    warn(fmt::format("{}; going on from its checkpoint{}", death.text, suspect ? ", alone at first" : ""));
  }

  void failed(WorkerPool::Seat& seat, const Json& error) {
    try {
      throw_error(error);
    } catch (const OutOfMemory& out) {
      if (alone_ == Alone::for_memory) {
        throw ChildRejected(
            fmt::format("{}: too little memory for this child even alone, about {} MiB were expected: {}",
                        seat.device(), bytes_ >> 20, out.what()));
      }
      alone_ = Alone::for_memory;
      seat.lower_limit();
      warn(fmt::format("{}; trying again alone, and fewer children at once from now on", out.what()));
    }
  }

  void warn(const std::string& text) const {
    if (context_.on_warning) {
      context_.on_warning(text);
    }
  }

  WorkerPool& pool_;
  const Json request_;
  const std::uint64_t bytes_;
  const ChildContext& context_;
  Alone alone_ = Alone::no;
};

}  // namespace

ProcessTrainer::ProcessTrainer(const ChildTask& task, ProcessOptions options)
    : task_(task), pool_(std::make_unique<WorkerPool>(std::move(options), task.fingerprint())) {}

ProcessTrainer::~ProcessTrainer() = default;

std::vector<std::string> ProcessTrainer::descriptions() const { return pool_->descriptions(); }

Trial ProcessTrainer::train(const Trial& trial, const ChildContext& context) {
  const std::uint64_t memory = task_.memory(trial.genotype);
  const Json request{{"type", "train"}, {"trial", to_json(trial)}, {"directory", context.directory.string()}};
  const Json done = Attempt(*pool_, request, memory + memory / 10, context).run();
  Trial result = trial_from_json(done.at("trial"));
  result.cost = cost(trial.genotype);
  return result;
}

double ProcessTrainer::finish(const Trial& trial, const std::filesystem::path& directory,
                              const std::filesystem::path& out) {
  const std::uint64_t memory = task_.memory(trial.genotype);
  const Json request{
      {"type", "finish"}, {"trial", to_json(trial)}, {"directory", directory.string()}, {"out", out.string()}};
  const ChildContext context{directory, nullptr, {}, {}};
  return Attempt(*pool_, request, memory + memory / 10, context).run().at("accuracy").get<double>();
}

}  // namespace bnas::nas
