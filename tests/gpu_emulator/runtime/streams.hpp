// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <vector>

#include "runtime/runtime.hpp"

namespace bnas::emu {

/// Priorities of streams go from 0, the least, to this.
constexpr int kGreatestPriority = -5;

/// The stream that a handle means for this thread. Throws ApiError.
CUstream_st& find_stream(Runtime& rt, cudaStream_t handle);

/// Appends work to a stream. Null when the stream is capturing: then the work became a node of its graph.
OperationPtr enqueue(Runtime& rt, Lock& lock, CUstream_st& stream, Work work);

/// As enqueue, for streams that do not capture: the operation also waits for `also`.
OperationPtr enqueue_after(Runtime& rt, Lock& lock, CUstream_st& stream, Work work, std::vector<OperationPtr> also);

/// Submits an operation on a lane: stamps it and joins the clocks of what it depends on. Whoever submitted all that
/// belongs together lets the scheduler breathe.
OperationPtr submit(Runtime& rt, Lane& lane, Device& device, Work work, std::string label,
                    std::vector<OperationPtr> dependencies);

/// Host code waits for an operation: all that comes before it also comes before whatever is enqueued later.
/// Throws ApiError when the device is lost meanwhile.
void wait_for(Runtime& rt, Lock& lock, const OperationPtr& operation);
void wait_for_stream(Runtime& rt, Lock& lock, CUstream_st& stream);
void wait_for_device(Runtime& rt, Lock& lock, Device& device);

/// Has it run? Lets one operation run first, so that polling ends.
bool poll(Runtime& rt, Lock& lock, const OperationPtr& operation);

cudaStream_t create_stream(Runtime& rt, unsigned flags, int priority);
void destroy_stream(Runtime& rt, cudaStream_t handle);

}  // namespace bnas::emu
