// SPDX-License-Identifier: Apache-2.0
// Named spans of time for profilers. Nothing happens, and next to no time passes, while nobody watches.
#pragma once

#include <cstdint>
#include <string>

namespace bnas {

/// What a span is one of; profilers filter by it.
enum class TraceCategory : std::uint8_t { search, child, epoch, step, kernel, io };

/// Where spans go. Called from any thread; begin and end nest within a thread. Does not throw.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  /// `name` is static text; `id` says which one of its kind (trial, epoch, step), or is -1.
  virtual void begin(TraceCategory category, const char* name, std::int64_t id) noexcept = 0;
  virtual void end() noexcept = 0;
  /// Of the calling thread.
  virtual void name_thread(const std::string& name) noexcept = 0;
};

/// At first the profiler that this program runs under (Nsight Systems and all else that reads NVTX, in builds with
/// CUDA); null when nobody watches.
TraceSink* trace_sink();

/// Sends the spans that begin from now on elsewhere; the sink must outlive them. Returns the one before.
TraceSink* set_trace_sink(TraceSink* sink);

/// For the list of threads in a profile.
void trace_thread(const std::string& name);

/// A span from construction to destruction, on one thread.
class TraceRange {
 public:
  TraceRange(TraceCategory category, const char* name, std::int64_t id = -1) : sink_(trace_sink()) {
    if (sink_ != nullptr) {
      sink_->begin(category, name, id);
    }
  }
  ~TraceRange() {
    if (sink_ != nullptr) {
      sink_->end();
    }
  }
  TraceRange(const TraceRange&) = delete;
  TraceRange& operator=(const TraceRange&) = delete;

 private:
  TraceSink* sink_;
};

}  // namespace bnas
