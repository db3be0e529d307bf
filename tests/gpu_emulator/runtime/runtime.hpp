// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "memory/findings.hpp"
#include "runtime/dependency_tracker.hpp"
#include "runtime/device.hpp"
#include "runtime/errors.hpp"
#include "runtime/faults.hpp"
#include "runtime/registry.hpp"
#include "runtime/report.hpp"
#include "runtime/scheduler.hpp"

namespace bnas::emu {

/// A launch configuration between <<<>>> and the kernel's stub.
struct LaunchConfiguration {
  dim3 grid;
  dim3 block;
  std::size_t dynamic_shared = 0;
  cudaStream_t stream = nullptr;
};

/// What a host thread has of its own.
struct ThreadState {
  int device = 0;
  cudaError_t last_error = cudaSuccess;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
  bool in_host_call = false;  // runs a function that a stream called: no CUDA call is permitted
  std::string note;
  std::vector<LaunchConfiguration> launches;
};
ThreadState& this_thread();
/// The annotation of this thread, or of the process.
const std::string& this_note();

/// The one state of the emulated runtime. `mutex` guards all of it; in addition `tracker`, `report` and the contents
/// of devices belong to whoever runs an operation (Scheduler): who wants them otherwise settles the scheduler first.
/// Handles that were destroyed or never made are found out, not followed.
struct Runtime {
  Runtime();

  std::mutex mutex;
  Findings findings;
  Registry registry;
  Faults faults;
  KernelReport report;
  DependencyTracker tracker;
  Scheduler scheduler;
  cudaError_t sticky = cudaSuccess;  // ends every later call
  VectorClock host;                  // what host code has waited for; taken together for all threads

  std::map<cudaStream_t, std::unique_ptr<CUstream_st>> streams;
  std::map<std::pair<std::thread::id, Device*>, std::unique_ptr<CUstream_st>> thread_streams;
  std::map<cudaEvent_t, std::unique_ptr<CUevent_st>> events;
  std::map<cudaGraph_t, std::unique_ptr<CUgraph_st>> graphs;
  std::map<cudaGraphExec_t, std::unique_ptr<CUgraphExec_st>> executables;
  std::map<void*, std::size_t> pinned;  // bytes of host memory that devices can reach
  std::set<std::shared_ptr<Capture>> captures;
  unsigned streams_made = 0;
  unsigned graphs_made = 0;
  unsigned long long captures_made = 0;

  /// Visible devices; made at the first call. Empty when CUDA_VISIBLE_DEVICES hides all.
  std::vector<std::unique_ptr<Device>>& devices();
  Device& device(int ordinal);  // throws ApiError
  Device& current_device();     // throws ApiError

  /// The device's side is lost: `code` ends every later call.
  void fail(cudaError_t code, const std::string& text);

  Lane take_lane();
  void give_lane(Lane lane) { spare_lanes_.push_back(lane); }

 private:
  std::vector<std::unique_ptr<Device>> devices_;
  bool devices_made_ = false;
  std::vector<Lane> spare_lanes_;
  std::size_t lanes_made_ = 0;
};

/// Never destroyed: programs call CUDA until their last instruction.
Runtime& runtime();

/// Looks a handle up; throws ApiError(cudaErrorInvalidResourceHandle) when it is none.
template <typename Map>
auto& checked(Map& handles, typename Map::key_type handle) {
  const auto it = handles.find(handle);
  require(it != handles.end(), cudaErrorInvalidResourceHandle);
  return *it->second;
}

}  // namespace bnas::emu
