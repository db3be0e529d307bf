// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/runtime.hpp"

namespace bnas::emu {

/// For calls that are not permitted while some captures are in progress (host synchronization, allocation): finds such
/// captures as the modes of the threads say, invalidates them, adds a finding and throws
/// ApiError(cudaErrorStreamCaptureUnsupported).
void forbid_in_capture(Runtime& rt, const char* call);
/// The same for a call that means a whole device: by any thread, in any mode, while one of its streams captures.
void forbid_on_capturing_device(Runtime& rt, const Device& device, const char* call);
/// The same for a call that means this stream.
void forbid_on_capturing(Runtime& rt, CUstream_st& stream, const char* call);
/// The legacy stream waits for blocking streams, which cannot be while one of them captures: throws
/// ApiError(cudaErrorStreamCaptureImplicit).
void forbid_implicit(Runtime& rt, const CUstream_st& stream);

void begin_capture(Runtime& rt, CUstream_st& stream, cudaStreamCaptureMode mode);
cudaGraph_t end_capture(Runtime& rt, CUstream_st& stream);
/// A captured stream records, a stream joins the capture of an event.
void capture_record(CUevent_st& event, CUstream_st& stream);
void capture_wait(CUstream_st& stream, CUevent_st& event);
/// Adds a node behind all that the stream captured.
void capture_work(CUstream_st& stream, Work work);
/// A stream is destroyed while it captures: the capture is invalid, or gone with its origin.
void drop_from_capture(Runtime& rt, CUstream_st& stream);

}  // namespace bnas::emu
