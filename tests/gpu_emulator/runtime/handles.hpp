// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <driver_types.h>

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/scheduler.hpp"

// What the handles of the CUDA API point to. Everything here is guarded by the runtime's mutex.

namespace bnas::emu {

struct Capture;

/// A timeline that stamps operations.
struct Lane {
  std::size_t id = 0;
  std::uint64_t sequence = 0;

  Stamp next() { return {id, ++sequence}; }
};

}  // namespace bnas::emu

struct CUgraphNode_st {
  bnas::emu::Work work;
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  bnas::emu::Device* device = nullptr;
  std::size_t index = 0;                // in its graph
  std::vector<CUgraphNode_st*> before;  // all of smaller index
  std::vector<void*> parameters;        // as cudaGraphKernelNodeGetParams returned them
};

struct CUgraph_st {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes;

  CUgraphNode_st* add(bnas::emu::Work work, bnas::emu::Device* device, std::vector<CUgraphNode_st*> before);
};

struct CUgraphExec_st {
  struct Node {
    bnas::emu::Work work;
    cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
    bnas::emu::Device* device = nullptr;
    std::vector<std::size_t> before;
    std::size_t lane = 0;  // in `lanes`
  };
  unsigned id = 0;
  std::vector<Node> nodes;
  std::vector<bnas::emu::Lane> lanes;
  std::map<const CUgraphNode_st*, std::size_t> made_from;
  bnas::emu::OperationPtr last_end;  // launches of one executable graph run one after the other
};

struct CUstream_st {
  enum class Kind { created, legacy, per_thread };
  Kind kind = Kind::created;
  unsigned id = 0;  // legacy: 0
  bnas::emu::Device* device = nullptr;
  unsigned flags = cudaStreamDefault;
  int priority = 0;
  bnas::emu::Lane lane;
  bnas::emu::OperationPtr last;
  std::shared_ptr<bnas::emu::Capture> capture;
  std::vector<CUgraphNode_st*> capture_tail;  // what the next captured node depends on

  bool blocking() const { return (flags & cudaStreamNonBlocking) == 0; }
  std::string name() const;
};

struct CUevent_st {
  bnas::emu::Device* device = nullptr;
  unsigned flags = cudaEventDefault;
  bnas::emu::OperationPtr record;  // null: never recorded, or last recorded in a capture
  std::shared_ptr<bnas::emu::Capture> capture;
  std::vector<CUgraphNode_st*> capture_tail;
};

struct CUmemPoolHandle_st {
  bnas::emu::Device* device = nullptr;
  std::uint64_t release_threshold = 0;
  std::size_t used = 0;  // bytes; an allocation counts until its free has run
  std::size_t used_high = 0;
  std::size_t reserved = 0;  // of the device's memory; at least `used`
  std::size_t reserved_high = 0;
  std::map<int, int> attributes;  // reuse policies: kept, without effect
  bool destroyed = false;         // goes when its last allocation does
};

namespace bnas::emu {

/// A capture in progress, shared by the streams that take part in it.
struct Capture {
  unsigned long long id = 0;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
  CUstream_st* origin = nullptr;
  std::unique_ptr<CUgraph_st> graph = std::make_unique<CUgraph_st>();
  std::set<CUstream_st*> streams;
  bool ended = false;
  bool invalid = false;
};

}  // namespace bnas::emu
