// SPDX-License-Identifier: Apache-2.0
#include "runtime/graphs.hpp"

#include <algorithm>

#include "runtime/streams.hpp"

namespace {

cudaGraphNodeType type_of(const bnas::emu::Work& work) {
  using namespace bnas::emu;
  if (std::holds_alternative<KernelCall>(work)) {
    return cudaGraphNodeTypeKernel;
  }
  if (std::holds_alternative<Copy>(work)) {
    return cudaGraphNodeTypeMemcpy;
  }
  if (std::holds_alternative<Fill>(work)) {
    return cudaGraphNodeTypeMemset;
  }
  if (std::holds_alternative<HostCall>(work)) {
    return cudaGraphNodeTypeHost;
  }
  return std::holds_alternative<DeviceCall>(work) ? cudaGraphNodeTypeKernel : cudaGraphNodeTypeEmpty;
}

}  // namespace

CUgraphNode_st* CUgraph_st::add(bnas::emu::Work work, bnas::emu::Device* device, std::vector<CUgraphNode_st*> before) {
  auto node = std::make_unique<CUgraphNode_st>();
  node->type = type_of(work);
  node->work = std::move(work);
  node->device = device;
  node->index = nodes.size();
  node->before = std::move(before);
  nodes.push_back(std::move(node));
  return nodes.back().get();
}

namespace bnas::emu {
namespace {

// A node continues the lane of a node it depends on if that is the last of its lane; else it opens one. So two nodes
// share a lane only if one comes before the other.
void assign_lanes(Runtime& rt, CUgraphExec_st& executable) {
  std::vector<std::size_t> last_of_lane;
  for (std::size_t i = 0; i < executable.nodes.size(); ++i) {
    CUgraphExec_st::Node& node = executable.nodes[i];
    node.lane = executable.lanes.size();
    for (const std::size_t before : node.before) {
      if (last_of_lane[executable.nodes[before].lane] == before) {
        node.lane = executable.nodes[before].lane;
        break;
      }
    }
    if (node.lane == executable.lanes.size()) {
      executable.lanes.push_back(rt.take_lane());
      last_of_lane.push_back(i);
    }
    last_of_lane[node.lane] = i;
  }
}

std::vector<std::size_t> indices(const std::vector<CUgraphNode_st*>& nodes) {
  std::vector<std::size_t> result;
  std::transform(nodes.begin(), nodes.end(), std::back_inserter(result),
                 [](const CUgraphNode_st* node) { return node->index; });
  return result;
}

}  // namespace

cudaGraphExec_t instantiate(Runtime& rt, const CUgraph_st& graph) {
  auto executable = std::make_unique<CUgraphExec_st>();
  executable->id = ++rt.graphs_made;
  for (const auto& node : graph.nodes) {
    executable->made_from[node.get()] = node->index;
    executable->nodes.push_back({node->work, node->type, node->device, indices(node->before), 0});
  }
  assign_lanes(rt, *executable);
  const cudaGraphExec_t handle = executable.get();
  rt.executables[handle] = std::move(executable);
  return handle;
}

void destroy_executable(Runtime& rt, cudaGraphExec_t handle) {
  for (const Lane& lane : checked(rt.executables, handle).lanes) {
    rt.give_lane(lane);
  }
  rt.executables.erase(handle);
}

void launch(Runtime& rt, Lock& lock, CUgraphExec_st& executable, CUstream_st& stream) {
  require(!stream.capture, cudaErrorStreamCaptureUnsupported);
  const OperationPtr begin = enqueue_after(rt, lock, stream, Marker{}, {executable.last_end});
  const std::string where = " (graph " + std::to_string(executable.id) + " in " + stream.name() + ")";
  std::vector<OperationPtr> operations;
  for (const CUgraphExec_st::Node& node : executable.nodes) {
    std::vector<OperationPtr> dependencies = {begin};
    for (const std::size_t before : node.before) {
      dependencies.push_back(operations[before]);
    }
    operations.push_back(submit(rt, executable.lanes[node.lane], *node.device, node.work, describe(node.work) + where,
                                std::move(dependencies)));
  }
  executable.last_end = enqueue_after(rt, lock, stream, Marker{}, std::move(operations));
}

cudaGraphExecUpdateResult update(CUgraphExec_st& executable, const CUgraph_st& graph, const CUgraphNode_st** node) {
  *node = nullptr;
  if (graph.nodes.size() != executable.nodes.size()) {
    return cudaGraphExecUpdateErrorTopologyChanged;
  }
  for (const auto& theirs : graph.nodes) {
    const CUgraphExec_st::Node& ours = executable.nodes[theirs->index];
    *node = theirs.get();
    if (theirs->type != ours.type) {
      return cudaGraphExecUpdateErrorNodeTypeChanged;
    }
    if (indices(theirs->before) != ours.before) {
      return cudaGraphExecUpdateErrorTopologyChanged;
    }
    if (theirs->device != ours.device) {
      return cudaGraphExecUpdateErrorNotSupported;
    }
  }
  *node = nullptr;
  executable.made_from.clear();
  for (const auto& theirs : graph.nodes) {
    executable.nodes[theirs->index].work = theirs->work;
    executable.made_from[theirs.get()] = theirs->index;
  }
  return cudaGraphExecUpdateSuccess;
}

CUgraphExec_st::Node& made_from(CUgraphExec_st& executable, const CUgraphNode_st* node) {
  const auto it = executable.made_from.find(node);
  require(it != executable.made_from.end());
  return executable.nodes[it->second];
}

}  // namespace bnas::emu
