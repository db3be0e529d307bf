// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/emulator.h"

namespace bnas::test {

inline void must(cudaError_t code) {
  if (code != cudaSuccess) {
    throw std::runtime_error(cudaGetErrorName(code));
  }
}

/// What the checkers found since the last call.
inline std::vector<std::string> take_findings() {
  std::vector<std::string> all;
  for (std::size_t i = 0; const char* text = bnas_emu_finding(i); ++i) {
    all.emplace_back(text);
  }
  bnas_emu_clear_findings();
  return all;
}

/// Exactly one finding, of this kind, whose text contains all parts.
inline void expect_finding(const std::string& kind, const std::vector<std::string>& parts = {}) {
  const std::vector<std::string> found = take_findings();
  ASSERT_EQ(found.size(), 1U) << kind;
  EXPECT_EQ(found[0].substr(0, found[0].find(':')), kind);
  for (const std::string& part : parts) {
    EXPECT_NE(found[0].find(part), std::string::npos) << found[0] << "\nlacks " << part;
  }
}

/// Runs `body` in a process of its own, which must end with `code` and print `output` (a regular expression).
inline void expect_exit(const std::function<void()>& body, int code, const char* output) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        body();
        std::exit(0);
      },
      testing::ExitedWithCode(code), output);
}

class Stream {
 public:
  explicit Stream(unsigned flags = cudaStreamNonBlocking) { must(cudaStreamCreateWithFlags(&stream_, flags)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }  // NOLINT(google-explicit-constructor): used as its handle
  void synchronize() const { must(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { must(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }  // NOLINT(google-explicit-constructor): used as its handle

  /// `later` waits for all that `earlier` has been given.
  void order(cudaStream_t earlier, cudaStream_t later) const {
    must(cudaEventRecord(event_, earlier));
    must(cudaStreamWaitEvent(later, event_, 0));
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Device memory of `size` elements.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) {
    must(cudaMalloc(reinterpret_cast<void**>(&data_), size * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) { upload(values); }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  /// Waits: a copy from pageable memory may return before the device has it, and streams that do not block would not
  /// wait for it.
  void upload(const std::vector<T>& values) {
    must(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice));
    must(cudaStreamSynchronize(nullptr));
  }
  std::vector<T> download() const {
    std::vector<T> values(size_);
    must(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

/// Host memory that devices reach.
template <typename T>
class PinnedArray {
 public:
  explicit PinnedArray(std::size_t size, T value = {}) : size_(size) {
    must(cudaMallocHost(reinterpret_cast<void**>(&data_), size * sizeof(T)));
    std::fill_n(data_, size, value);
  }
  ~PinnedArray() { cudaFreeHost(data_); }
  PinnedArray(const PinnedArray&) = delete;
  PinnedArray& operator=(const PinnedArray&) = delete;
  T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

/// Sets options back when it goes.
class WithOption {
 public:
  WithOption(const char* name, const std::string& value, const char* back = "0") : name_(name), back_(back) {
    EXPECT_EQ(bnas_emu_set(name, value.c_str()), 0);
  }
  ~WithOption() { bnas_emu_set(name_, back_); }
  WithOption(const WithOption&) = delete;
  WithOption& operator=(const WithOption&) = delete;

 private:
  const char* name_;
  const char* back_;
};

}  // namespace bnas::test
