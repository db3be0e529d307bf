// SPDX-License-Identifier: Apache-2.0
#include "runtime/captures.hpp"

#include <algorithm>

namespace bnas::emu {
namespace {

[[noreturn]] void violate(Runtime& rt, Capture& capture, const std::string& call, const char* why) {
  capture.invalid = true;
  rt.findings.add(FindingKind::sync_in_capture, call + " " + why,
                  "the capture that began in " + capture.origin->name() + " is invalid");
  throw ApiError(cudaErrorStreamCaptureUnsupported);
}

// CUDA runtime API, cudaThreadExchangeStreamCaptureMode: what this thread is prohibited from calling.
bool prohibits(const Capture& capture) {
  if (capture.mode == cudaStreamCaptureModeRelaxed || this_thread().capture_mode == cudaStreamCaptureModeRelaxed) {
    return false;
  }
  const bool own = capture.thread == std::this_thread::get_id();
  return own ||
         (this_thread().capture_mode == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal);
}

void merge_tail(std::vector<CUgraphNode_st*>& tail, const std::vector<CUgraphNode_st*>& more) {
  for (CUgraphNode_st* node : more) {
    if (std::find(tail.begin(), tail.end(), node) == tail.end()) {
      tail.push_back(node);
    }
  }
}

// Is every node followed by another or by the end of the origin stream?
bool joined(const CUgraph_st& graph, const CUstream_st& origin) {
  std::set<const CUgraphNode_st*> followed(origin.capture_tail.begin(), origin.capture_tail.end());
  for (const auto& node : graph.nodes) {
    followed.insert(node->before.begin(), node->before.end());
  }
  return followed.size() == graph.nodes.size();
}

void dissolve(Runtime& rt, const std::shared_ptr<Capture>& capture) {
  for (CUstream_st* member : capture->streams) {
    member->capture.reset();
    member->capture_tail.clear();
  }
  capture->ended = true;
  rt.captures.erase(capture);
}

}  // namespace

void forbid_in_capture(Runtime& rt, const char* call) {
  for (const auto& capture : rt.captures) {
    if (prohibits(*capture)) {
      violate(rt, *capture, call, "while a stream is being captured");
    }
  }
}

void forbid_on_capturing_device(Runtime& rt, const Device& device, const char* call) {
  for (const auto& capture : rt.captures) {
    for (const CUstream_st* captured : capture->streams) {
      if (captured->device == &device) {
        violate(rt, *capture, call, "while a stream of the device is being captured");
      }
    }
  }
}

void forbid_on_capturing(Runtime& rt, CUstream_st& stream, const char* call) {
  if (stream.capture) {
    violate(rt, *stream.capture, call, ("on " + stream.name() + ", which is being captured").c_str());
  }
}

void forbid_implicit(Runtime& rt, const CUstream_st& stream) {
  if (stream.kind != CUstream_st::Kind::legacy) {
    return;
  }
  for (const auto& capture : rt.captures) {
    for (const CUstream_st* captured : capture->streams) {
      if (captured->blocking() && captured->device == stream.device) {
        capture->invalid = true;
        throw ApiError(cudaErrorStreamCaptureImplicit);
      }
    }
  }
}

void begin_capture(Runtime& rt, CUstream_st& stream, cudaStreamCaptureMode mode) {
  require(stream.kind != CUstream_st::Kind::legacy, cudaErrorStreamCaptureUnsupported);
  require(!stream.capture, cudaErrorIllegalState);
  auto capture = std::make_shared<Capture>();
  capture->id = ++rt.captures_made;
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->origin = &stream;
  capture->streams.insert(&stream);
  stream.capture = capture;
  stream.capture_tail.clear();
  rt.captures.insert(std::move(capture));
}

cudaGraph_t end_capture(Runtime& rt, CUstream_st& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  require(capture != nullptr, cudaErrorIllegalState);
  require(capture->origin == &stream, cudaErrorStreamCaptureUnmatched);
  require(capture->mode == cudaStreamCaptureModeRelaxed || capture->thread == std::this_thread::get_id(),
          cudaErrorStreamCaptureWrongThread);
  const bool all_joined = joined(*capture->graph, stream);
  dissolve(rt, capture);
  require(!capture->invalid, cudaErrorStreamCaptureInvalidated);
  require(all_joined, cudaErrorStreamCaptureUnjoined);
  const cudaGraph_t graph = capture->graph.get();
  rt.graphs[graph] = std::move(capture->graph);
  return graph;
}

void capture_record(CUevent_st& event, CUstream_st& stream) {
  event.record.reset();
  event.capture = stream.capture;
  event.capture_tail = stream.capture_tail;
}

void capture_wait(CUstream_st& stream, CUevent_st& event) {
  if (!event.capture) {  // recorded before the capture, or never
    if (!event.record) {
      return;
    }
    stream.capture->invalid = true;
    throw ApiError(cudaErrorStreamCaptureIsolation);
  }
  require(!event.capture->ended, cudaErrorCapturedEvent);
  require(stream.kind != CUstream_st::Kind::legacy, cudaErrorStreamCaptureImplicit);
  if (stream.capture && stream.capture != event.capture) {
    stream.capture->invalid = event.capture->invalid = true;
    throw ApiError(cudaErrorStreamCaptureMerge);
  }
  require(!event.capture->invalid, cudaErrorStreamCaptureInvalidated);
  stream.capture = event.capture;
  stream.capture->streams.insert(&stream);
  merge_tail(stream.capture_tail, event.capture_tail);
}

void drop_from_capture(Runtime& rt, CUstream_st& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  capture->invalid = true;
  if (capture->origin == &stream) {
    dissolve(rt, capture);
  }
  capture->streams.erase(&stream);
}

void capture_work(CUstream_st& stream, Work work) {
  require(!stream.capture->invalid, cudaErrorStreamCaptureInvalidated);
  CUgraphNode_st* node = stream.capture->graph->add(std::move(work), stream.device, stream.capture_tail);
  stream.capture_tail = {node};
}

}  // namespace bnas::emu
