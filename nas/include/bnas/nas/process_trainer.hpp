// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bnas/core/backend.hpp"
#include "bnas/nas/child_task.hpp"
#include "bnas/nas/child_trainer.hpp"

namespace bnas::nas {

class WorkerPool;

/// How often a worker that died is started again.
struct RestartRule {
  std::vector<double> delays = {1.0, 4.0, 16.0};  ///< seconds before the first, second, ... start again
  double window = 600.0;                          ///< seconds after which a death is forgotten
};

/// One worker process, for one device.
struct WorkerPlace {
  std::string name;           ///< of the device: "cuda:0"
  std::string setup;          ///< what serve_worker()'s factory is given
  std::filesystem::path log;  ///< where its output is appended
};

struct ProcessOptions {
  std::string program;                 ///< to be executed
  std::vector<std::string> arguments;  ///< its argv, the first being its name; the place's name is added
  std::vector<WorkerPlace> places;
  int children = 1;            ///< at once in one worker
  RestartRule restarts;        ///< of each worker
  double hang_seconds = 60.0;  ///< a child hangs that makes no step for so long, or ten times its median step
};

/// Trains children in worker processes, so that a fault of a device ends neither the search nor other children:
/// a worker that dies (or hangs, and is killed) is started again, and each child that was in it first goes on from its
/// checkpoint alone. One that is there when the worker dies again is rejected as the cause. A device that is lost, or
/// whose worker dies too often, is given up for the rest of the search; its children go to the others.
/// Children wait until their memory fits; one that runs out of it is tried once more alone, and fewer run at once from
/// then on. Results do not depend on any of this.
class ProcessTrainer final : public ChildTrainer {
 public:
  /// Starts all workers and waits until they are ready; throws what the first of them throws. `task` must outlive the
  /// trainer, and is what the workers' trainers must have been made from. This process touches no device.
  ProcessTrainer(const ChildTask& task, ProcessOptions options);
  /// Lets the workers leave.
  ~ProcessTrainer() override;

  std::string fingerprint() const override { return task_.fingerprint(); }
  NetworkCost cost(const Genotype& genotype) const override { return task_.cost(genotype); }
  /// As ChildTrainer. Throws a device_fault Error when no device is left.
  Trial train(const Trial& trial, const ChildContext& context) override;
  /// As WorkerHost::finish.
  double finish(const Trial& trial, const std::filesystem::path& directory, const std::filesystem::path& out);
  /// Of the devices, as their workers describe them, one per place.
  std::vector<std::string> descriptions() const;

 private:
  const ChildTask& task_;
  std::unique_ptr<WorkerPool> pool_;
};

}  // namespace bnas::nas
