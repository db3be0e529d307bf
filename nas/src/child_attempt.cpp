// SPDX-License-Identifier: Apache-2.0
#include "child_attempt.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <new>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "bnas/core/trace.hpp"

namespace bnas::nas {
namespace {

/// The outcome alone is taken from the trainer; who the trial is stays as stored.
Trial measured(const Trial& trial, const Trial& trained) {
  check(trained.status == TrialStatus::done || trained.status == TrialStatus::diverged, "train",
        "a trainer must return a trial that is done or diverged");
  Trial result = trial;
  result.status = trained.status;
  result.best_epoch = trained.best_epoch;
  result.curve = trained.curve;
  result.message = trained.message;
  result.reward = trained.status == TrialStatus::done ? trained.reward + 0.0 : 0.0;  // -0 as the store keeps it
  if (!std::isfinite(result.reward)) {
    result.message = fmt::format("the reward is {}", result.reward);
    result.status = TrialStatus::diverged;
    result.reward = 0.0;
  }
  return result;
}

}  // namespace

Attempt attempt_child(ChildTrainer& trainer, const Trial& trial, const ChildContext& context) {
  const TraceRange range(TraceCategory::child, "child", trial.id);
  make_directories(context.directory);
  const auto failed = [&](const std::string& why) { return Attempt{Attempt::End::failed, trial, why}; };
  const auto begin = std::chrono::steady_clock::now();
  try {
    Trial result = measured(trial, trainer.train(trial, context));
    result.cost = trainer.cost(trial.genotype);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return {Attempt::End::measured, std::move(result), {}};
  } catch (const Interrupted&) {
    return *context.stop ? Attempt{Attempt::End::interrupted, trial, {}}
                         : failed("the trainer left early without being asked to");
  } catch (const ChildRejected& error) {
    return {Attempt::End::rejected, trial, error.what()};
  } catch (const std::bad_alloc&) {
    return failed("out of memory");
  } catch (const Error& error) {
    // A person must free the disk or look at damaged files; a faulty device needs another process. Another attempt in
    // this one would meet the same.
    if (error.kind() == ErrorKind::io || error.kind() == ErrorKind::bad_data ||
        error.kind() == ErrorKind::device_fault) {
      throw;
    }
    return failed(error.what());
  } catch (const std::exception& error) {
    return failed(error.what());
  } catch (...) {
    return failed("an exception of unknown type");
  }
}

}  // namespace bnas::nas
