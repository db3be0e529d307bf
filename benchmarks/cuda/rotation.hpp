// SPDX-License-Identifier: Apache-2.0
// Time of one kernel with cold caches: its buffers exist so often that the L2 cache holds none of them when its turn
// comes again, and one CUDA graph calls it once for each set, so that no launch by the host is in the time.
#pragma once

#include <benchmark/benchmark.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bnas/cuda/status.hpp"
#include "cuda/device.hpp"

namespace bnas::bench {

inline void require(cudaError_t error, const char* what) {
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
  }
}

inline void require(const cuda::Status& status) {
  if (!status.ok()) {
    char text[256];
    cuda::describe(status, text, sizeof text);
    throw std::runtime_error(text);
  }
}

/// Device memory of one call, in pieces that start at multiples of 256 bytes.
class Arena {
 public:
  explicit Arena(std::size_t bytes) {
    require(cudaMalloc(reinterpret_cast<void**>(&memory_), bytes), "memory for a benchmark");
    require(cudaMemset(memory_, 0, bytes), "memory for a benchmark");
  }
  ~Arena() { cudaFree(memory_); }
  Arena(Arena&& other) noexcept : memory_(other.memory_), used_(other.used_) { other.memory_ = nullptr; }
  Arena& operator=(Arena&&) = delete;

  template <class T>
  T* take(std::int64_t count) {
    T* const piece = reinterpret_cast<T*>(memory_ + used_);
    used_ += padded(count * static_cast<std::int64_t>(sizeof(T)));
    return piece;
  }
  static std::size_t padded(std::int64_t bytes) { return (static_cast<std::size_t>(bytes) + 255) / 256 * 256; }

 private:
  char* memory_ = nullptr;
  std::size_t used_ = 0;
};

/// What one call moves and computes at the least.
struct Work {
  double bytes = 0.0;
  double macs = 0.0;       ///< multiply-accumulates; 0 where that is not the point
  double peak_macs = 0.0;  ///< of the units in use; 0 where it is not known
};

/// Repeats replays of the graph of all sets. `launch(arena, stream)` takes its buffers from an arena of `arena_bytes`.
template <class Launch>
void measure(benchmark::State& state, std::size_t arena_bytes, const Work& work, Launch launch) {
  constexpr std::size_t kSets = 64;  // at most: then launches alone take longer than any L2 cache holds data
  const std::size_t sets = std::clamp<std::size_t>(2 * cuda_device().l2_bytes / arena_bytes + 1, 2, kSets);
  std::vector<Arena> arenas;
  for (std::size_t i = 0; i < sets; ++i) {
    arenas.emplace_back(arena_bytes);
  }
  cudaStream_t stream = nullptr;
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  require(cudaEventCreate(&begin), "event");
  require(cudaEventCreate(&end), "event");
  require(cudaDeviceSynchronize(), "memory for a benchmark");
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "capture");
  for (Arena& arena : arenas) {
    require(launch(arena, stream));
  }
  require(cudaStreamEndCapture(stream, &graph), "capture");
  require(cudaGraphInstantiate(&replay, graph, 0), "graph");
  require(cudaGraphLaunch(replay, stream), "warm-up");
  for (auto _ : state) {
    float milliseconds = 0.0F;
    require(cudaEventRecord(begin, stream), "event");
    require(cudaGraphLaunch(replay, stream), "replay");
    require(cudaEventRecord(end, stream), "event");
    require(cudaEventSynchronize(end), "replay");
    require(cudaEventElapsedTime(&milliseconds, begin, end), "time");
    state.SetIterationTime(static_cast<double>(milliseconds) / 1e3 / static_cast<double>(sets));
  }
  cudaGraphExecDestroy(replay);
  cudaGraphDestroy(graph);
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  cudaStreamDestroy(stream);

  using benchmark::Counter;
  const auto rate = [](double amount) { return Counter(amount, Counter::kIsIterationInvariantRate); };
  state.counters["sets"] = static_cast<double>(sets);
  state.counters["bytes/s"] = rate(work.bytes);
  if (cuda_device().bytes_per_second > 0.0) {
    state.counters["of_bandwidth"] = rate(work.bytes / cuda_device().bytes_per_second);
  }
  if (work.macs > 0.0) {
    state.counters["MAC/s"] = rate(work.macs);
  }
  if (work.macs > 0.0 && work.peak_macs > 0.0) {
    state.counters["of_peak"] = rate(work.macs / work.peak_macs);
  }
}

/// Registers a benchmark whose time is that of the device. As nvbench stops: at least half a second, five repetitions.
template <class Run>
void add(const std::string& name, Run run) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [run](benchmark::State& state) {
                                 try {
                                   run(state);
                                 } catch (const std::exception& error) {
                                   state.SkipWithError(error.what());
                                 }
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace bnas::bench
