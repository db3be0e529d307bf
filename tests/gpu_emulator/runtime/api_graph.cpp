// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <fstream>

#include "runtime/api.hpp"
#include "runtime/captures.hpp"
#include "runtime/graphs.hpp"
#include "runtime/kernel_calls.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

namespace {

CUgraphNode_st& find_node(Runtime& rt, cudaGraphNode_t handle) {
  for (const auto& [key, graph] : rt.graphs) {
    for (const auto& node : graph->nodes) {
      if (node.get() == handle) {
        return *node;
      }
    }
  }
  throw ApiError(cudaErrorInvalidValue);
}

KernelCall& kernel_of(Work& work) {
  auto* const call = std::get_if<KernelCall>(&work);
  require(call != nullptr);
  return *call;
}

KernelCall call_from(Runtime& rt, const cudaKernelNodeParams* params) {
  require(params != nullptr && params->extra == nullptr);
  return make_call(rt, params->func, params->gridDim, params->blockDim, params->kernelParams, params->sharedMemBytes);
}

// Returns how many there are; writes at most as many as there is room for, nulls behind them.
void list(const std::vector<cudaGraphNode_t>& nodes, cudaGraphNode_t* out, std::size_t* count) {
  require(count != nullptr);
  if (out) {
    std::fill(std::copy_n(nodes.begin(), std::min(*count, nodes.size()), out), out + *count, nullptr);
  }
  *count = out ? std::min(*count, nodes.size()) : nodes.size();
}

}  // namespace

extern "C" {

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    checked(rt.graphs, graph);
    rt.graphs.erase(graph);
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(executable != nullptr && (flags & ~cudaGraphInstantiateFlagUseNodePriority) == 0);
    *executable = instantiate(rt, checked(rt.graphs, graph));
  });
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  return cudaGraphInstantiate(executable, graph, flags);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return api(__func__, [&](Runtime& rt, Lock&) { destroy_executable(rt, executable); });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    checked(rt.executables, executable);
    find_stream(rt, stream);
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return api(__func__, [&](Runtime& rt, Lock& lock) {
    CUstream_st& found = find_stream(rt, stream);
    forbid_implicit(rt, found);
    launch(rt, lock, checked(rt.executables, executable), found);
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    std::vector<cudaGraphNode_t> all;
    for (const auto& node : checked(rt.graphs, graph).nodes) {
      all.push_back(node.get());
    }
    list(all, nodes, count);
  });
}

cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t* dependencies, cudaGraphEdgeData* edges,
                                         std::size_t* count) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    list(find_node(rt, node).before, dependencies, count);
    if (edges) {
      std::fill_n(edges, *count, cudaGraphEdgeData{});
    }
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(type != nullptr);
    *type = find_node(rt, node).type;
  });
}

cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* params) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(params != nullptr);
    CUgraphNode_st& found = find_node(rt, node);
    KernelCall& call = kernel_of(found.work);
    found.parameters.clear();
    for (auto& parameter : call.parameters) {
      found.parameters.push_back(parameter.data());
    }
    *params = {};
    params->func = const_cast<void*>(call.symbol->host);
    params->gridDim = {call.grid.x, call.grid.y, call.grid.z};
    params->blockDim = {call.block.x, call.block.y, call.block.z};
    params->sharedMemBytes = static_cast<unsigned>(call.dynamic_shared);
    params->kernelParams = found.parameters.data();
  });
}

cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node, const cudaKernelNodeParams* params) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    KernelCall call = call_from(rt, params);
    kernel_of(find_node(rt, node).work) = std::move(call);
  });
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* params) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    KernelCall call = call_from(rt, params);
    kernel_of(made_from(checked(rt.executables, executable), node).work) = std::move(call);
  });
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t executable, cudaGraph_t graph, cudaGraphExecUpdateResultInfo* info) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    const CUgraphNode_st* different = nullptr;
    const cudaGraphExecUpdateResult result =
        update(checked(rt.executables, executable), checked(rt.graphs, graph), &different);
    if (info) {
      *info = {};
      info->result = result;
      info->errorNode = const_cast<cudaGraphNode_t>(different);
    }
    require(result == cudaGraphExecUpdateSuccess, cudaErrorGraphExecUpdateFailure);
  });
}

cudaError_t cudaGraphDebugDotPrint(cudaGraph_t graph, const char* path, unsigned) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(path != nullptr);
    std::ofstream file(path);
    file << "digraph {\n";
    for (const auto& node : checked(rt.graphs, graph).nodes) {
      file << "  n" << node->index << " [label=\"" << describe(node->work) << "\"];\n";
      for (const CUgraphNode_st* before : node->before) {
        file << "  n" << before->index << " -> n" << node->index << ";\n";
      }
    }
    file << "}\n";
    require(file.good(), cudaErrorOperatingSystem);
  });
}

}  // extern "C"
