// SPDX-License-Identifier: Apache-2.0
// Spans of every kind, on two threads, for the recorder.
#include <thread>

#include "backend/cuda/nvtx.hpp"
#include "bnas/core/trace.hpp"

int main() {
  using bnas::TraceCategory;
  const bnas::TraceRange search(TraceCategory::search, "search");
  std::thread([] {
    bnas::trace_thread("worker 1");
    bnas::cuda_backend::nvtx_name_stream(nullptr, "child 17");
    const bnas::TraceRange child(TraceCategory::child, "child", 17);
    {
      const bnas::TraceRange epoch(TraceCategory::epoch, "epoch", 0);
      const bnas::TraceRange step(TraceCategory::step, "step", 123);
      const bnas::TraceRange kernel(TraceCategory::kernel, "sign");
    }
    const bnas::TraceRange io(TraceCategory::io, "checkpoint", 1);
  }).join();
  return 0;
}
