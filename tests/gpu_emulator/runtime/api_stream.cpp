// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocations.hpp"
#include "runtime/api.hpp"
#include "runtime/captures.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

namespace {

cudaStreamCaptureStatus status_of(const CUstream_st& stream) {
  if (!stream.capture) {
    return cudaStreamCaptureStatusNone;
  }
  return stream.capture->invalid ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
}

}  // namespace

extern "C" {

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(stream != nullptr);
    *stream = create_stream(rt, flags, priority);
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock&) { destroy_stream(rt, stream); });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    CUstream_st& found = find_stream(rt, stream);
    forbid_on_capturing(rt, found, "cudaStreamSynchronize");
    forbid_in_capture(rt, "cudaStreamSynchronize");
    wait_for_stream(rt, lock, found);
    trim_pools(rt);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    CUstream_st& found = find_stream(rt, stream);
    forbid_on_capturing(rt, found, "cudaStreamQuery");
    forbid_in_capture(rt, "cudaStreamQuery");
    require(poll(rt, lock, found.last), cudaErrorNotReady);
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(flags == cudaEventWaitDefault);
    CUstream_st& waiting = find_stream(rt, stream);
    CUevent_st& awaited = checked(rt.events, event);
    if (waiting.capture || awaited.capture) {
      capture_wait(waiting, awaited);
    } else if (awaited.record) {
      forbid_implicit(rt, waiting);
      enqueue_after(rt, lock, waiting, Marker{}, {awaited.record});
    }
  });
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(priority != nullptr);
    *priority = find_stream(rt, stream).priority;
  });
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(flags != nullptr);
    *flags = find_stream(rt, stream).flags;
  });
}

cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(id != nullptr);
    *id = find_stream(rt, stream).id;
  });
}

cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(device != nullptr);
    *device = find_stream(rt, stream).device->ordinal;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(function != nullptr);
    enqueue(rt, lock, find_stream(rt, stream), HostCall{function, argument});
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return api(__func__, [&](Runtime& rt, Lock&) { begin_capture(rt, find_stream(rt, stream), mode); });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(graph != nullptr);
    *graph = nullptr;
    *graph = end_capture(rt, find_stream(rt, stream));
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(status != nullptr);
    CUstream_st& found = find_stream(rt, stream);
    forbid_implicit(rt, found);
    *status = status_of(found);
  });
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                     cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                                     const cudaGraphEdgeData** edges, std::size_t* count) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(status != nullptr);
    CUstream_st& found = find_stream(rt, stream);
    forbid_implicit(rt, found);
    *status = status_of(found);
    const bool active = *status == cudaStreamCaptureStatusActive;
    if (id) {
      *id = active ? found.capture->id : 0;
    }
    if (graph) {
      *graph = active ? found.capture->graph.get() : nullptr;
    }
    if (dependencies) {
      *dependencies = active ? found.capture_tail.data() : nullptr;
    }
    if (edges) {
      *edges = nullptr;
    }
    if (count) {
      *count = active ? found.capture_tail.size() : 0;
    }
  });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return api(__func__, [&](Runtime&, Lock&) {
    require(mode != nullptr);
    std::swap(*mode, this_thread().capture_mode);
  });
}

}  // extern "C"
