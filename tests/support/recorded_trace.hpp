// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "bnas/core/trace.hpp"

namespace bnas::test {

/// While it lives, spans of all threads become lines "name id", indented by how deep they lie in their thread. Kernels
/// only where they are asked for.
class RecordedTrace final : public TraceSink {
 public:
  explicit RecordedTrace(bool kernels = false) : kernels_(kernels), before_(set_trace_sink(this)) {}
  ~RecordedTrace() override { set_trace_sink(before_); }
  RecordedTrace(const RecordedTrace&) = delete;
  RecordedTrace& operator=(const RecordedTrace&) = delete;

  void begin(TraceCategory category, const char* name, std::int64_t id) noexcept override {
    const std::lock_guard lock(mutex_);
    if (kernels_ || category != TraceCategory::kernel) {
      lines_.push_back(indent() + name + " " + std::to_string(id));
    }
    ++depth_;
    ++open_;
  }
  void end() noexcept override {
    const std::lock_guard lock(mutex_);
    --depth_;
    --open_;
  }
  void name_thread(const std::string& name) noexcept override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(indent() + "thread " + name);
  }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  /// Spans begun and not ended.
  int open() const { return open_; }

 private:
  static std::string indent() { return std::string(static_cast<std::size_t>(2 * depth_), ' '); }

  static inline thread_local int depth_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  bool kernels_;
  TraceSink* before_;
  int open_ = 0;
};

}  // namespace bnas::test
