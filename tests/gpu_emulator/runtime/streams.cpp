// SPDX-License-Identifier: Apache-2.0
#include "runtime/streams.hpp"

#include <algorithm>
#include <iterator>

#include "runtime/captures.hpp"

std::string CUstream_st::name() const {
  switch (kind) {
    case Kind::legacy:
      return "the default stream";
    case Kind::per_thread:
      return "per-thread stream " + std::to_string(id);
    case Kind::created:
      break;
  }
  return "stream " + std::to_string(id);
}

namespace bnas::emu {
namespace {

std::vector<CUstream_st*> streams_of(Runtime& rt, const Device& device) {
  std::vector<CUstream_st*> all;
  for (const auto& [handle, stream] : rt.streams) {
    all.push_back(stream.get());
  }
  for (const auto& [key, stream] : rt.thread_streams) {
    all.push_back(stream.get());
  }
  std::erase_if(all, [&](const CUstream_st* stream) { return stream->device != &device; });
  // By age: the order of handles is that of addresses, which differs from run to run.
  std::sort(all.begin(), all.end(), [](const CUstream_st* a, const CUstream_st* b) { return a->id < b->id; });
  return all;
}

// The legacy stream waits for all blocking streams of its device, and they for it.
std::vector<OperationPtr> implicit_dependencies(Runtime& rt, const CUstream_st& stream) {
  std::vector<OperationPtr> dependencies = {stream.last};
  if (stream.kind == CUstream_st::Kind::legacy) {
    for (const CUstream_st* other : streams_of(rt, *stream.device)) {
      if (other->blocking()) {
        dependencies.push_back(other->last);
      }
    }
    const auto& orphans = stream.device->orphans;
    dependencies.insert(dependencies.end(), orphans.begin(), orphans.end());
  } else if (stream.blocking()) {
    dependencies.push_back(stream.device->legacy.last);
  }
  return dependencies;
}

}  // namespace

CUstream_st& find_stream(Runtime& rt, cudaStream_t handle) {
  if (!handle || handle == cudaStreamLegacy) {
    return rt.current_device().legacy;
  }
  if (handle != cudaStreamPerThread) {
    return checked(rt.streams, handle);
  }
  Device& device = rt.current_device();
  std::unique_ptr<CUstream_st>& stream = rt.thread_streams[{std::this_thread::get_id(), &device}];
  if (!stream) {
    stream = std::make_unique<CUstream_st>();
    stream->kind = CUstream_st::Kind::per_thread;
    stream->id = ++rt.streams_made;
    stream->device = &device;
    stream->lane = rt.take_lane();
  }
  return *stream;
}

OperationPtr submit(Runtime& rt, Lane& lane, Device& device, Work work, std::string label,
                    std::vector<OperationPtr> dependencies) {
  auto operation = std::make_shared<Operation>();
  if (const auto* call = std::get_if<KernelCall>(&work)) {
    operation->injection = rt.faults.on_launch(call->symbol->name, this_note());
  }
  operation->work = std::move(work);
  operation->device = &device;
  operation->label = std::move(label);
  operation->note = this_note();
  operation->stamp = lane.next();
  operation->clock = rt.host;
  for (const OperationPtr& dependency : dependencies) {
    if (dependency) {
      operation->clock.join(dependency->clock);
    }
  }
  operation->clock.advance(operation->stamp);
  operation->dependencies = std::move(dependencies);
  rt.scheduler.submit(operation);
  return operation;
}

OperationPtr enqueue_after(Runtime& rt, Lock& lock, CUstream_st& stream, Work work, std::vector<OperationPtr> also) {
  std::vector<OperationPtr> dependencies = implicit_dependencies(rt, stream);
  std::move(also.begin(), also.end(), std::back_inserter(dependencies));
  std::string label = describe(work) + " (" + stream.name() + ")";
  const OperationPtr operation =
      submit(rt, stream.lane, *stream.device, std::move(work), std::move(label), std::move(dependencies));
  stream.last = operation;
  rt.scheduler.breathe(lock);
  return operation;
}

OperationPtr enqueue(Runtime& rt, Lock& lock, CUstream_st& stream, Work work) {
  if (stream.capture) {
    capture_work(stream, std::move(work));
    return nullptr;
  }
  forbid_implicit(rt, stream);
  return enqueue_after(rt, lock, stream, std::move(work), {});
}

void wait_for(Runtime& rt, Lock& lock, const OperationPtr& operation) {
  if (operation) {
    rt.scheduler.wait(lock, operation);
    require(rt.sticky == cudaSuccess, rt.sticky);
    rt.host.join(operation->clock);
  }
}

void wait_for_stream(Runtime& rt, Lock& lock, CUstream_st& stream) {
  if (stream.kind == CUstream_st::Kind::legacy) {
    forbid_implicit(rt, stream);
    for (const OperationPtr& operation : implicit_dependencies(rt, stream)) {
      wait_for(rt, lock, operation);
    }
  } else {
    wait_for(rt, lock, stream.last);
  }
}

void wait_for_device(Runtime& rt, Lock& lock, Device& device) {
  std::vector<OperationPtr> all = std::move(device.orphans);
  device.orphans.clear();
  all.push_back(device.legacy.last);
  for (const CUstream_st* stream : streams_of(rt, device)) {
    all.push_back(stream->last);
  }
  for (const OperationPtr& operation : all) {
    wait_for(rt, lock, operation);
  }
}

bool poll(Runtime& rt, Lock& lock, const OperationPtr& operation) {
  if (operation && !operation->done) {
    rt.scheduler.step(lock);
    require(rt.sticky == cudaSuccess, rt.sticky);
  }
  if (operation && operation->done) {
    rt.host.join(operation->clock);
  }
  return !operation || operation->done;
}

cudaStream_t create_stream(Runtime& rt, unsigned flags, int priority) {
  require((flags & ~unsigned{cudaStreamNonBlocking}) == 0);
  auto stream = std::make_unique<CUstream_st>();
  stream->id = ++rt.streams_made;
  stream->device = &rt.current_device();
  stream->flags = flags;
  stream->priority = std::clamp(priority, kGreatestPriority, 0);
  stream->lane = rt.take_lane();
  const cudaStream_t handle = stream.get();
  rt.streams[handle] = std::move(stream);
  return handle;
}

void destroy_stream(Runtime& rt, cudaStream_t handle) {
  CUstream_st& stream = checked(rt.streams, handle);
  if (stream.capture) {
    drop_from_capture(rt, stream);
  }
  if (stream.last && !stream.last->done) {
    stream.device->orphans.push_back(stream.last);
  }
  rt.give_lane(stream.lane);
  rt.streams.erase(handle);
}

}  // namespace bnas::emu
