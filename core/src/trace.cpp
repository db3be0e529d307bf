// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/trace.hpp"

#include <atomic>

#include "backend/cuda/nvtx.hpp"

namespace bnas {
namespace {

std::atomic<TraceSink*>& current() {
  static std::atomic<TraceSink*> sink{cuda_backend::nvtx_sink()};
  return sink;
}

}  // namespace

TraceSink* trace_sink() { return current().load(std::memory_order_acquire); }

TraceSink* set_trace_sink(TraceSink* sink) { return current().exchange(sink, std::memory_order_acq_rel); }

void trace_thread(const std::string& name) {
  if (TraceSink* sink = trace_sink(); sink != nullptr) {
    sink->name_thread(name);
  }
}

}  // namespace bnas
