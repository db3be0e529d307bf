// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "bnas/core/backend.hpp"
#include "bnas/nas/child_trainer.hpp"

namespace bnas::nas {

/// The descriptor at which a worker process finds its socket to the supervisor.
inline constexpr int kWorkerSocket = 3;

/// What a worker does its jobs with.
struct WorkerHost {
  std::unique_ptr<ChildTrainer> trainer;
  /// Writes the best weights of a trained child to `out`; its accuracy on the test split.
  std::function<double(const Trial& trial, const ChildContext& context, const std::filesystem::path& out)> finish;
  std::string description;  ///< of the device, for people
  DeviceMemory memory;      ///< with the data in place: what children may use
};

/// Makes the host from the text that the supervisor gave for this worker. Its errors become the supervisor's.
using HostFactory = std::function<std::unique_ptr<WorkerHost>(const std::string& setup)>;

/// The life of a worker process: takes jobs from the socket, one thread per child, until the supervisor closes it.
/// Returns the exit code. A DeviceFault of any child ends the process within moments, from inside.
int serve_worker(int socket, const HostFactory& factory);

}  // namespace bnas::nas
