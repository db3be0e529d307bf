// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "runtime/allocations.hpp"
#include "runtime/api.hpp"
#include "runtime/captures.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

extern "C" {

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    constexpr unsigned kFlags = cudaEventBlockingSync | cudaEventDisableTiming;
    require(event != nullptr && (flags & ~kFlags) == 0);
    auto made = std::make_unique<CUevent_st>();
    made->device = &rt.current_device();
    made->flags = flags;
    *event = made.get();
    rt.events[*event] = std::move(made);
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    checked(rt.events, event);
    rt.events.erase(event);
  });
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    require(flags == cudaEventRecordDefault);
    CUevent_st& recorded = checked(rt.events, event);
    CUstream_st& recording = find_stream(rt, stream);
    require(recorded.device == recording.device, cudaErrorInvalidResourceHandle);
    if (recording.capture) {
      capture_record(recorded, recording);
    } else {
      recorded.capture.reset();
      recorded.record = enqueue(rt, lock, recording, Marker{});
    }
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    const CUevent_st& asked = checked(rt.events, event);
    require(!asked.capture, cudaErrorCapturedEvent);
    forbid_in_capture(rt, "cudaEventQuery");
    require(poll(rt, lock, asked.record), cudaErrorNotReady);
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    const CUevent_st& awaited = checked(rt.events, event);
    require(!awaited.capture, cudaErrorCapturedEvent);
    forbid_in_capture(rt, "cudaEventSynchronize");
    wait_for(rt, lock, OperationPtr(awaited.record));
    trim_pools(rt);
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(milliseconds != nullptr);
    const CUevent_st& first = checked(rt.events, start);
    const CUevent_st& last = checked(rt.events, end);
    require(((first.flags | last.flags) & cudaEventDisableTiming) == 0 && first.record && last.record,
            cudaErrorInvalidResourceHandle);
    require(first.record->done && last.record->done, cudaErrorNotReady);
    *milliseconds = std::chrono::duration<float, std::milli>(last.record->finished - first.record->finished).count();
  });
}

}  // extern "C"
