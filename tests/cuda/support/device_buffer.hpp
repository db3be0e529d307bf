// SPDX-License-Identifier: Apache-2.0
// Device memory of tests: inputs of exactly their size, outputs between guard bands, streams, capture and replay.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda::test {

inline void require_cuda(cudaError_t error, const char* what) {
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
  }
}

inline void require_ok(const Status& status) {
  if (!status.ok()) {
    throw std::runtime_error(std::string(status.message) + ": " + status_name(status.code));
  }
}

/// A non-blocking stream of the current device.
class TestStream {
 public:
  TestStream() { require_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream"); }
  ~TestStream() { cudaStreamDestroy(stream_); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;

  cudaStream_t get() const { return stream_; }
  void synchronize() const { require_cuda(cudaStreamSynchronize(stream_), "synchronize"); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// `size` values on the device. An input ends where its allocation ends, so that a checker sees every read beyond it;
/// an output starts as bytes 0xAA between two guard bands; scratch starts unwritten. Data begin at a multiple of 256.
template <class T>
class DeviceBuffer {
 public:
  static DeviceBuffer input(const std::vector<T>& values) {
    DeviceBuffer buffer(values.size(), 0);
    buffer.upload(values);
    return buffer;
  }
  static DeviceBuffer output(std::size_t size) {
    DeviceBuffer buffer(size, kGuardBytes);
    buffer.reset();
    return buffer;
  }
  static DeviceBuffer scratch(std::size_t size) { return DeviceBuffer(size, 0); }

  ~DeviceBuffer() { cudaFree(memory_); }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : size_(other.size_), guard_(other.guard_), memory_(std::exchange(other.memory_, nullptr)) {}
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;

  T* data() const { return reinterpret_cast<T*>(memory_ + guard_); }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

  void upload(const std::vector<T>& values) {
    if (values.size() != size_) {
      throw std::logic_error("upload of another size");
    }
    require_cuda(cudaMemcpy(data(), values.data(), bytes(), cudaMemcpyHostToDevice), "upload");
    require_cuda(cudaDeviceSynchronize(), "upload");  // the copy returns once pageable memory has been staged
  }

  /// Every byte 0xAA again, guards renewed.
  void reset() {
    require_cuda(cudaMemset(memory_, kGuardByte, bytes() + 2 * guard_), "guards");
    require_cuda(cudaMemset(data(), kGarbageByte, bytes()), "garbage");
    require_cuda(cudaDeviceSynchronize(), "reset");
  }

  /// All values; throws when a guard band was written. The stream that computes them must have been synchronized.
  std::vector<T> download() const {
    std::vector<unsigned char> all(bytes() + 2 * guard_);
    require_cuda(cudaMemcpy(all.data(), memory_, all.size(), cudaMemcpyDeviceToHost), "download");
    const auto intact = [](unsigned char byte) { return byte == kGuardByte; };
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(guard_);
    const auto end = begin + static_cast<std::ptrdiff_t>(bytes());
    if (!std::all_of(all.begin(), begin, intact) || !std::all_of(end, all.end(), intact)) {
      throw std::runtime_error("written outside the output");
    }
    std::vector<T> values(size_);
    if (size_ != 0) {
      std::memcpy(values.data(), all.data() + guard_, bytes());
    }
    return values;
  }

 private:
  static constexpr std::size_t kGuardBytes = 512;
  static constexpr unsigned char kGuardByte = 0xC3;
  static constexpr unsigned char kGarbageByte = 0xAA;

  DeviceBuffer(std::size_t size, std::size_t guard) : size_(size), guard_(guard) {
    require_cuda(cudaMalloc(reinterpret_cast<void**>(&memory_), std::max<std::size_t>(bytes() + 2 * guard_, 1)),
                 "allocate");
  }

  std::size_t size_;
  std::size_t guard_;
  unsigned char* memory_ = nullptr;
};

/// Captures what `launch(stream)` enqueues, where a hidden allocation or synchronization is an error, and replays it
/// `times`.
template <class Launch>
void capture_and_replay(const TestStream& stream, int times, Launch launch) {
  require_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal), "begin capture");
  require_ok(launch(stream.get()));
  cudaGraph_t graph = nullptr;
  require_cuda(cudaStreamEndCapture(stream.get(), &graph), "end capture");
  cudaGraphExec_t replay = nullptr;
  require_cuda(cudaGraphInstantiate(&replay, graph, 0), "instantiate");
  for (int i = 0; i < times; ++i) {
    require_cuda(cudaGraphLaunch(replay, stream.get()), "replay");
  }
  stream.synchronize();
  require_cuda(cudaGraphExecDestroy(replay), "destroy replay");
  require_cuda(cudaGraphDestroy(graph), "destroy graph");
}

}  // namespace bnas::cuda::test
